"""Send answers as HTTP responses: the common headers, JSON bodies, and the contents of files."""

import asyncio
import io
from typing import BinaryIO, Final

from aiohttp import web

from fakebatch.wire import operation_response as responses
from fakebatch.wire.json_text import to_json_text
from fakebatch.wire.operation_response import OperationResponse

_CHUNK: Final = 2**18
_PIECES_PER_SECOND: Final = 10
_FIXED_HEADERS: Final = {
    "DataServiceVersion": "3.0",
    "Server": "Microsoft-HTTPAPI/2.0",
    "X-Content-Type-Options": "nosniff",
}


async def respond(
    request: web.Request,
    answer: OperationResponse,
    *,
    request_id: str | None = None,
    bytes_per_second: int | None = None,
) -> web.StreamResponse:
    """Send an answer, with its body at no more than `bytes_per_second`."""
    headers = _FIXED_HEADERS | {"request-id": request_id or responses.new_request_id()} | answer.headers
    if request.headers.get("return-client-request-id", "").lower() == "true":
        headers["client-request-id"] = request.headers.get("client-request-id", "")
    if answer.file is not None:
        response = web.StreamResponse(status=200, headers=headers)
        response.enable_chunked_encoding()
        with answer.file.path.open("rb") as file:
            file.seek(answer.file.start)
            length = answer.file.end - answer.file.start
            return await _stream(request, response, file, length, bytes_per_second)
    if answer.body is None:
        return web.Response(status=answer.status, headers=headers)
    headers["Content-Type"] = responses.JSON_TYPE
    body = to_json_text(answer.body).encode()
    if bytes_per_second is None:
        return web.Response(status=answer.status, headers=headers, body=body)
    response = web.StreamResponse(status=answer.status, headers=headers)
    response.content_length = len(body)
    return await _stream(request, response, io.BytesIO(body), len(body), bytes_per_second)


async def _stream(
    request: web.Request,
    response: web.StreamResponse,
    source: BinaryIO,
    left: int,
    bytes_per_second: int | None,
) -> web.StreamResponse:
    piece = _CHUNK if bytes_per_second is None else max(bytes_per_second // _PIECES_PER_SECOND, 1)
    await response.prepare(request)
    while left and (chunk := await asyncio.to_thread(source.read, min(left, piece))):
        await response.write(chunk)
        left -= len(chunk)
        if bytes_per_second is not None:
            await asyncio.sleep(len(chunk) / bytes_per_second)
    await response.write_eof()
    return response
