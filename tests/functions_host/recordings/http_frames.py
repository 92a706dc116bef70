"""HTTP/1.1 messages as they come over a connection, read whole and kept byte for byte."""

import asyncio
from dataclasses import dataclass

_NO_BODY = ("204", "304")


@dataclass(frozen=True, kw_only=True)
class Frame:
    """One request or response."""

    first_line: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes
    """Without the framing of chunks."""
    raw: bytes


async def read_frame(reader: asyncio.StreamReader, *, answers_head: bool = False) -> Frame:
    """Read one message. Raises IncompleteReadError when the connection ends."""
    head = await reader.readuntil(b"\r\n\r\n")
    first_line, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if answers_head or first_line.split(" ")[1] in _NO_BODY:
        body = raw = b""
    elif headers.get("transfer-encoding") == "chunked":
        body, raw = await _read_chunks(reader)
    else:
        body = raw = await reader.readexactly(int(headers.get("content-length", "0")))
    return Frame(first_line=first_line, headers=headers, body=body, raw=head + raw)


async def _read_chunks(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    body = raw = b""
    size = -1
    while size != 0:
        line = await reader.readuntil(b"\r\n")
        size = int(line, 16)
        chunk = await reader.readexactly(size + 2)
        body += chunk[:-2]
        raw += line + chunk
    return body, raw
