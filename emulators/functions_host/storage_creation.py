"""Creates queues, containers and blobs that others may create at the same moment.

To find that another creator was first is not an error. A queue or container that is just being deleted is not
there, although the client library raises the same exception for both: that error is raised.
"""

import logging

from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceModifiedError
from azure.storage.blob.aio import BlobClient, ContainerClient
from azure.storage.queue.aio import QueueClient

_log = logging.getLogger(__name__)


async def create_queue(queue: QueueClient) -> None:
    """Create a queue, unless it exists. Raises ResourceExistsError if it is just being deleted."""
    try:
        await queue.create_queue()
    except ResourceExistsError as error:
        _raise_unless(error, "QueueAlreadyExists")
        _log.debug("Queue '%s' already exists", queue.queue_name)


async def create_container(container: ContainerClient) -> None:
    """Create a container, unless it exists. Raises ResourceExistsError if it is just being deleted."""
    try:
        await container.create_container()
    except ResourceExistsError as error:
        _raise_unless(error, "ContainerAlreadyExists")
        _log.debug("Container '%s' already exists", container.container_name)


async def create_blob(blob: BlobClient, *, metadata: dict[str, str] | None = None) -> bool:
    """Create an empty blob, unless it exists. Return whether this call created it.

    Raises ResourceNotFoundError if its container is missing, and ResourceExistsError if the container is just
    being deleted.
    """
    try:
        await blob.upload_blob(b"", metadata=metadata)
    except ResourceExistsError as error:
        _raise_unless(error, "BlobAlreadyExists")
    except ResourceModifiedError as error:
        # 412: the blob exists, and another host has leased it.
        _raise_unless(error, "LeaseIdMissing", "ConditionNotMet")
    else:
        return True
    _log.debug("Blob '%s' already exists", blob.blob_name)
    return False


def _raise_unless(error: HttpResponseError, *codes: str) -> None:
    if getattr(error, "error_code", None) not in codes:
        raise error
