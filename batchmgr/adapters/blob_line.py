"""The line of jobs that wait for the quota: one empty blob each, whose name is the ticket.

Blobs are listed in the order of their names, so the first page of a listing is the head of the line.
"""

import logging
from collections.abc import Sequence

from azure.storage.blob.aio import ContainerClient

from batchmgr.adapters.service_errors import service_errors
from batchmgr.errors import ServiceNotFoundError
from batchmgr.line_port import MOST_TICKETS
from batchmgr.model.ticket import Ticket

SERVICE = "Blob storage"
PREFIX = "line/"

logger = logging.getLogger(__name__)


class BlobLine:
    """The Line port, on the container of the job store."""

    def __init__(self, container: ContainerClient) -> None:
        self._container = container

    async def join(self, ticket: Ticket) -> None:
        """Write the blob of the ticket."""
        with service_errors(SERVICE):
            await self._container.get_blob_client(PREFIX + ticket.name).upload_blob(b"", overwrite=True)

    async def leave(self, ticket: Ticket) -> None:
        """Delete the blob of the ticket. Do nothing if it is not there."""
        try:
            with service_errors(SERVICE):
                await self._container.get_blob_client(PREFIX + ticket.name).delete_blob()
        except ServiceNotFoundError:
            return

    async def first(self, limit: int = MOST_TICKETS) -> Sequence[Ticket]:
        """List one page of blobs. Leave out what is no ticket."""
        names: list[str] = []
        with service_errors(SERVICE):
            listing = self._container.list_blob_names(name_starts_with=PREFIX, results_per_page=limit)
            async for page in listing.by_page():
                names = [name.removeprefix(PREFIX) async for name in page]
                break
        found = [ticket for name in names if (ticket := Ticket.of(name)) is not None]
        if len(found) < len(names):
            logger.warning("%d blobs under %s are no tickets", len(names) - len(found), PREFIX)
        return found
