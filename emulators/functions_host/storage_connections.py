"""Storage clients for the connections that bindings name, configured by settings as in Azure."""

import random
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from azure.storage.blob.aio import BlobServiceClient, ExponentialRetry
from azure.storage.queue.aio import QueueServiceClient

from functions_host.errors import ConfigurationError

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

HOST_STORAGE = "Storage"
"""The connection of the host's own storage: the setting AzureWebJobsStorage."""

_DEVELOPMENT_STORAGE = (
    "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;"
    # The account and key of the storage emulator are published constants, the same on every machine.
    "AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;"
    "BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1;QueueEndpoint=http://127.0.0.1:10001/devstoreaccount1;"
)
_RETRIES = 5
_FIRST_PAUSE = 0.8
_SPREAD = 0.2


class StorageRetry(ExponentialRetry):
    """Retries a request as often, and after the same pauses, as the real host does.

    There are five retries, after pauses of 0.8 s, 1.6 s and so on, each up to a fifth longer or shorter. So
    the host goes on if storage is away for 20 s, and gives up after about 25 s.
    """

    def __init__(self) -> None:
        super().__init__(
            retry_total=_RETRIES, retry_connect=_RETRIES, retry_read=_RETRIES, retry_status=_RETRIES
        )

    def get_backoff_time(self, settings: dict[str, Any]) -> float:
        """Return the pause in seconds before the retry number `settings["count"]`."""
        pause: float = _FIRST_PAUSE * 2 ** (settings["count"] - 1)
        # Spreading retries needs no unpredictable numbers.
        return pause * random.uniform(1 - _SPREAD, 1 + _SPREAD)  # noqa: S311


class StorageConnections:
    """The queue and blob clients of each connection, created when first used."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._settings = settings
        self._queues: dict[str, QueueServiceClient] = {}
        self._blobs: dict[str, BlobServiceClient] = {}
        self._credentials: dict[str, AsyncTokenCredential] = {}
        self._clients = AsyncExitStack()

    async def close(self) -> None:
        """Close all clients."""
        await self._clients.aclose()

    def queues(self, connection: str) -> QueueServiceClient:
        """Return the queue client of a connection.

        Raises ConfigurationError if no setting configures it, or if its connection string is malformed.
        """
        if connection not in self._queues:
            if text := self._connection_string(connection):
                with _named(connection):
                    client = QueueServiceClient.from_connection_string(text, retry_policy=StorageRetry())
            else:
                client = QueueServiceClient(
                    self._service_uri(connection, "queue"),
                    credential=self._credential(connection),
                    retry_policy=StorageRetry(),
                )
            self._queues[connection] = client
            self._clients.push_async_callback(client.close)
        return self._queues[connection]

    def blobs(self, connection: str) -> BlobServiceClient:
        """Return the blob client of a connection.

        Raises ConfigurationError if no setting configures it, or if its connection string is malformed.
        """
        if connection not in self._blobs:
            if text := self._connection_string(connection):
                with _named(connection):
                    client = BlobServiceClient.from_connection_string(text, retry_policy=StorageRetry())
            else:
                client = BlobServiceClient(
                    self._service_uri(connection, "blob"),
                    credential=self._credential(connection),
                    retry_policy=StorageRetry(),
                )
            self._blobs[connection] = client
            self._clients.push_async_callback(client.close)
        return self._blobs[connection]

    def _connection_string(self, connection: str) -> str | None:
        text = self._find(connection, "")
        if text and text.strip().rstrip(";") == "UseDevelopmentStorage=true":
            return _DEVELOPMENT_STORAGE
        return text

    def _service_uri(self, connection: str, service: str) -> str:
        if uri := self._find(connection, f"__{service}ServiceUri"):
            return uri
        if account := self._find(connection, "__accountName"):
            return f"https://{account}.{service}.core.windows.net"
        raise ConfigurationError(
            f"storage connection '{connection}' is not configured: set AzureWebJobs{_stem(connection)} or "
            f"{connection} as a connection string, or {connection}__accountName or "
            f"{connection}__{service}ServiceUri"
        )

    def _credential(self, connection: str) -> "AsyncTokenCredential":
        if connection not in self._credentials:
            # It takes a while to import, and only connections without a key need it.
            from azure.identity.aio import DefaultAzureCredential

            credential = DefaultAzureCredential(
                managed_identity_client_id=self._find(connection, "__clientId")
            )
            self._credentials[connection] = credential
            self._clients.push_async_callback(credential.close)
        return self._credentials[connection]

    def _find(self, connection: str, suffix: str) -> str | None:
        prefixed = f"AzureWebJobs{_stem(connection)}{suffix}"
        return self._settings.get(prefixed) or self._settings.get(f"{connection}{suffix}") or None


@contextmanager
def _named(connection: str) -> Iterator[None]:
    """Say which connection string is malformed."""
    try:
        yield
    except ValueError as error:
        raise ConfigurationError(f"storage connection '{connection}': {error}") from error


def _stem(connection: str) -> str:
    """Return a connection name without `AzureWebJobs`. Bindings may name the whole setting."""
    return connection.removeprefix("AzureWebJobs") or HOST_STORAGE
