"""The table of prices that a setting names: a file beside the app, or a blob in its storage account."""

import asyncio
from pathlib import Path

from azure.storage.blob.aio import BlobServiceClient

from batchmgr.adapters.service_errors import service_errors
from batchmgr.errors import ServiceNotFoundError, SettingsError
from batchmgr.model.price_table import MAX_TABLE, PriceTable, read_price_table
from batchmgr.wire.json_codec import prepare

BLOB = "blob:"
SETTING = "BATCHMGR_PRICES"

prepare(PriceTable)


async def load_prices(where: str, blobs: BlobServiceClient) -> PriceTable | None:
    """Return the table that `where` names: `blob:<container>/<name>`, or a path. None if it is empty.

    Raise SettingsError if there is none, or if it can't be read.
    """
    if not where:
        return None
    name = f"{SETTING} ({where})"
    if where.startswith(BLOB):
        return read_price_table(await _blob(where.removeprefix(BLOB), blobs, name), name)
    try:
        text = await asyncio.to_thread(Path(where).read_bytes)
    except OSError as error:
        raise SettingsError(f"{name} can't be read: {error.strerror}") from error
    return read_price_table(text[:MAX_TABLE], name)


async def _blob(where: str, blobs: BlobServiceClient, name: str) -> bytes:
    container, _, path = where.partition("/")
    if not container or not path:
        raise SettingsError(f"{name} must be {BLOB}<container>/<name>, or the path of a file")
    try:
        with service_errors("Blob storage"):
            stream = await blobs.get_blob_client(container, path).download_blob(length=MAX_TABLE)
            content: bytes = await stream.readall()
            return content
    except ServiceNotFoundError as error:
        raise SettingsError(f"{name} is not there") from error
