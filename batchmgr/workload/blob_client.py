"""A small client of Blob Storage, with which a task on a node reads and writes blobs of its job's container.

It is authorised by a shared access signature in the URL, or by a managed identity of the node. The modules
that it needs are imported when it is used, so that other tasks start quickly.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import quote

_STORAGE_VERSION = "2021-08-06"
_TIMEOUT = 10
_IDENTITY_SERVICE = "http://169.254.169.254"
_METADATA = (
    "/metadata/identity/oauth2/token"
    "?api-version=2018-02-01&resource=https%3A%2F%2Fstorage.azure.com%2F&msi_res_id="
)


def put_blob(url: str, identity: str, body: bytes, facts: Mapping[str, str]) -> None:
    """Write a blob, with `facts` as its metadata. Raise `OSError` if that fails.

    `identity` is the resource id of a managed identity, or empty if the URL is signed. A `file:` URL names a
    file of a local run.
    """
    if url.startswith("file:"):
        _put_file(url, body)
        return
    headers = {
        "x-ms-blob-type": "BlockBlob",
        "Content-Type": "application/json",
        **{f"x-ms-meta-{name}": text for name, text in facts.items()},
    }
    _send("PUT", url, identity, headers, body)


def _put_file(url: str, body: bytes) -> None:
    """Write a blob of a local run, which keeps its blobs in a folder."""
    from pathlib import Path
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    path = Path(url2pathname(urlsplit(url).path))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)


def get_blob(url: str, identity: str, max_bytes: int) -> bytes | None:
    """Return the content of a blob, or None if there is no such blob.

    Raise `OSError` if reading fails, or if the blob has more than `max_bytes`.
    """
    from urllib.error import HTTPError

    try:
        content = _send("GET", url, identity, {}, None, max_bytes + 1)
    except HTTPError as error:
        error.close()
        if error.code == 404:
            return None
        raise
    if len(content) > max_bytes:
        raise OSError(f"the blob has more than {max_bytes:,} bytes")
    return content


def _send(
    method: str,
    url: str,
    identity: str,
    headers: Mapping[str, str],
    body: bytes | None,
    max_bytes: int = 64 * 1024,
) -> bytes:
    """Send a request, and return what the response holds, `max_bytes` at most."""
    from urllib.request import Request, urlopen

    given = {**headers, "x-ms-version": _STORAGE_VERSION}
    if identity:
        given["Authorization"] = f"Bearer {_token(identity)}"
    request = Request(url, data=body, headers=given, method=method)  # noqa: S310
    with urlopen(request, timeout=_TIMEOUT) as response:  # noqa: S310
        content: bytes = response.read(max_bytes)
        return content


def _token(identity: str) -> str:
    """Return a token of the node's managed identity for Azure Storage.

    Source: https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
    """
    import os
    from urllib.request import Request, urlopen

    # Azure's own clients know this variable too. The local stack sets it.
    service = os.environ.get("AZURE_POD_IDENTITY_AUTHORITY_HOST") or _IDENTITY_SERVICE
    url = service.rstrip("/") + _METADATA + quote(identity, safe="")
    request = Request(url, headers={"Metadata": "true"})  # noqa: S310
    with urlopen(request, timeout=_TIMEOUT) as response:  # noqa: S310
        return str(json.load(response)["access_token"])
