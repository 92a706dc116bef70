"""The body of a request to upload an input."""

import msgspec

from batchmgr.wire.json_codec import decode, prepare


class UploadRequest(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Where an input is to be: the container, and the name of the blob."""

    container: str
    path: str


prepare(UploadRequest)


def decode_upload(body: bytes) -> UploadRequest | None:
    """Return the request in a body; None if there is no body. Raise InvalidJobError, with its field."""
    return decode(body, UploadRequest) if body.strip() else None
