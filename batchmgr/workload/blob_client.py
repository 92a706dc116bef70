"""A small client of Blob Storage, with which a task on a node reads and writes blobs of its job's container.

It is authorised by a shared access signature in the URL, or by a managed identity of the node. The modules
that it needs are imported when it is used, so that other tasks start quickly.
"""

from __future__ import annotations

from collections.abc import Mapping

from batchmgr.workload.node_tokens import storage_token

_STORAGE_VERSION = "2021-08-06"
_TIMEOUT = 10


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
        given["Authorization"] = f"Bearer {storage_token(identity)}"
    request = Request(url, data=body, headers=given, method=method)  # noqa: S310
    with urlopen(request, timeout=_TIMEOUT) as response:  # noqa: S310
        content: bytes = response.read(max_bytes)
        return content
