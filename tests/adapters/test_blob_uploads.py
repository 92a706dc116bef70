"""A URL for an upload can be used for that, and for nothing else."""

from datetime import timedelta

import aiohttp
import pytest
from azure.storage.blob.aio import BlobServiceClient

from batchmgr.adapters.blob_uploads import BlobUploads
from batchmgr.adapters.signing_account import SigningAccount

BODY = {"headers": {"x-ms-blob-type": "BlockBlob"}, "data": b"{}"}


@pytest.mark.parametrize("lifetime", [timedelta(hours=1), timedelta(hours=-1)])
async def test_a_url_takes_one_blob_until_it_expires_and_shows_none(
    connection_string: str, lifetime: timedelta
) -> None:
    async with (
        BlobServiceClient.from_connection_string(connection_string) as service,
        aiohttp.ClientSession() as session,
    ):
        await service.create_container("batchmgr-requests")
        url = await BlobUploads(SigningAccount(service), "batchmgr-requests").grant("mine", lifetime)

        async def status(method: str, target: str, **options: object) -> int:
            async with session.request(method, target, **options) as answer:  # type: ignore[arg-type]
                return answer.status

        assert await status("PUT", url, **BODY) == (201 if lifetime > timedelta(0) else 403)
        assert await status("GET", url) == 403
        assert await status("DELETE", url) == 403
        assert await status("PUT", url.replace("/mine?", "/another?"), **BODY) == 403
