"""A service that lists blobs as Azure does, 5,000 a page, and has nothing else.

    python -m benchmarks.scale.stub_blobs --blobs 100000 --latency-ms 150

prints its address. It lists the same blobs in each container, `in/0000001.fa` and so on, in order. The bodies
of its pages are made before it starts. Each answer is sent after the latency.
"""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable

from aiohttp import web

PAGE = 5000
PROPERTIES = (
    "<Properties><Creation-Time>Sat, 28 Nov 2026 10:00:00 GMT</Creation-Time>"
    "<Last-Modified>Sat, 28 Nov 2026 10:00:00 GMT</Last-Modified><Etag>0x8DE2E2E2E2E2E2E</Etag>"
    "<Content-Length>1048576</Content-Length><Content-Type>application/octet-stream</Content-Type>"
    "<Content-Encoding /><Content-Language /><Content-CRC64 /><Content-MD5>AAAA</Content-MD5>"
    "<Cache-Control /><Content-Disposition /><BlobType>BlockBlob</BlobType><AccessTier>Hot</AccessTier>"
    "<AccessTierInferred>true</AccessTierInferred><LeaseStatus>unlocked</LeaseStatus>"
    "<LeaseState>available</LeaseState><ServerEncrypted>true</ServerEncrypted></Properties>"
)
"""What Azure says of each blob.

Source: https://learn.microsoft.com/rest/api/storageservices/list-blobs
"""


def page(first: int, end: int, blobs: int, metadata: str) -> bytes:
    """Return a page with the blobs from `first` up to `end`."""
    listed = "".join(
        f"<Blob><Name>in/{number:07}.fa</Name>{PROPERTIES}{metadata}<OrMetadata /></Blob>"
        for number in range(first + 1, end + 1)
    )
    marker = f"<NextMarker>{end}</NextMarker>" if end < blobs else "<NextMarker />"
    head = '<?xml version="1.0" encoding="utf-8"?><EnumerationResults ContainerName="data">'
    return f"{head}<Blobs>{listed}</Blobs>{marker}</EnumerationResults>".encode()


def pages(blobs: int, metadata: str) -> dict[str, bytes]:
    """Return all pages, by their markers."""
    return {
        str(first or ""): page(first, min(first + PAGE, blobs), blobs, metadata)
        for first in range(0, blobs, PAGE)
    }


def answers(
    blobs: int, latency: float, *, is_hierarchical: bool
) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Return what answers each request."""
    plain = pages(blobs, "")
    with_metadata = pages(blobs, "<Metadata />")

    async def answer(request: web.Request) -> web.Response:
        await asyncio.sleep(latency)
        if request.query.get("comp") == "list":
            found = with_metadata if request.query.get("include") == "metadata" else plain
            return web.Response(body=found[request.query.get("marker", "")], content_type="application/xml")
        return web.Response(headers={"x-ms-is-hns-enabled": str(is_hierarchical).lower()})

    return answer


async def serve(blobs: int, latency: float, *, is_hierarchical: bool) -> None:
    """Serve on a free port, and print the address."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answers(blobs, latency, is_hierarchical=is_hierarchical))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    sys.stdout.write(f"http://127.0.0.1:{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A service that lists blobs as Azure does.")
    parser.add_argument("--blobs", type=int, default=100_000, help="how many blobs each container has")
    parser.add_argument("--latency-ms", type=float, default=0, help="how late every answer comes")
    parser.add_argument("--hierarchical", action="store_true", help="the account has directories")
    given = parser.parse_args()
    asyncio.run(serve(given.blobs, given.latency_ms / 1000, is_hierarchical=given.hierarchical))
