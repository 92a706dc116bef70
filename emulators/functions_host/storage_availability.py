"""Waits for the storage of a host before its start."""

import asyncio
import logging

from azure.core.exceptions import AzureError, HttpResponseError

from functions_host.errors import ConfigurationError
from functions_host.storage_connections import HOST_STORAGE, StorageConnections

_CONTAINER = "azure-webjobs-hosts"
_PAUSE_SECONDS = 1.0
_ANSWER_SECONDS = 10

_log = logging.getLogger(__name__)


async def wait_for_storage(connections: StorageConnections) -> None:
    """Return when the storage account of the setting AzureWebJobsStorage answers, whatever it answers.

    Return at once if the setting is missing or invalid.
    """
    try:
        container = connections.blobs(HOST_STORAGE).get_container_client(_CONTAINER)
    except (ConfigurationError, ValueError):
        return
    has_warned = False
    while True:
        try:
            await container.get_container_properties(
                retry_total=0, connection_timeout=_ANSWER_SECONDS, read_timeout=_ANSWER_SECONDS
            )
            return
        except HttpResponseError:
            return
        except (AzureError, OSError) as error:
            if not has_warned:
                _log.warning("Waiting for the storage of the setting AzureWebJobsStorage: %s", error)
                has_warned = True
        await asyncio.sleep(_PAUSE_SECONDS)
