"""The job's own container, as a task on a node reaches it: by a signature in the URL, or the node's identity.

Only the standard library is used, and imported when it is needed: a task that tells and asks nothing does not
pay for it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import quote

_STORAGE_VERSION = "2021-08-06"
_TIMEOUT = 10
_IDENTITY_SERVICE = (
    "http://169.254.169.254/metadata/identity/oauth2/token"
    "?api-version=2018-02-01&resource=https%3A%2F%2Fstorage.azure.com%2F&msi_res_id="
)


def put_blob(url: str, identity: str, body: bytes, facts: Mapping[str, str]) -> None:
    """Write a blob, with `facts` as its metadata. Raises `OSError`."""
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
    """Write a blob of a local run, whose storage is a folder."""
    from pathlib import Path
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    path = Path(url2pathname(urlsplit(url).path))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)


def get_blob(url: str, identity: str) -> bytes | None:
    """Read a blob; None while it is not there. Raises `OSError`."""
    from urllib.error import HTTPError

    try:
        return _send("GET", url, identity, {}, None)
    except HTTPError as error:
        error.close()
        if error.code == 404:
            return None
        raise


def _send(method: str, url: str, identity: str, headers: Mapping[str, str], body: bytes | None) -> bytes:
    from urllib.request import Request, urlopen

    given = {**headers, "x-ms-version": _STORAGE_VERSION}
    if identity:
        given["Authorization"] = f"Bearer {_token(identity)}"
    request = Request(url, data=body, headers=given, method=method)  # noqa: S310
    with urlopen(request, timeout=_TIMEOUT) as response:  # noqa: S310
        content: bytes = response.read()
        return content


def _token(identity: str) -> str:
    """A token of the node's managed identity for storage.

    Source: https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
    """
    from urllib.request import Request, urlopen

    request = Request(_IDENTITY_SERVICE + quote(identity, safe=""), headers={"Metadata": "true"})  # noqa: S310
    with urlopen(request, timeout=_TIMEOUT) as response:  # noqa: S310
        return str(json.load(response)["access_token"])
