"""The Azure Batch client that a workload may use: its settings, read from the environment, and its factory.

Planning a job and running a task never call Azure Batch, and many nodes have no client library. So the client
is opened only when it is first used.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from batchmgr.errors import BatchClientError

if TYPE_CHECKING:
    from collections.abc import Mapping

ENDPOINT_VARIABLE = "BATCHMGR_BATCH_ENDPOINT"
ACCOUNT_VARIABLE = "BATCHMGR_BATCH_ACCOUNT"
KEY_VARIABLE = "BATCHMGR_BATCH_KEY"

BATCH_CLIENTS = "batchmgr.adapters.batch_clients"
"""The module that opens the client. It is imported by name because it is not part of what nodes have.

It is in the control plane and needs the `azure-batch` package. It has
`open_own_client(endpoint, account, key)`, which returns an `azure.batch.BatchClient`.
"""


class BatchClientSettings:
    """The Batch account and the key to call it with.

    They are read from `BATCHMGR_BATCH_ENDPOINT`, `BATCHMGR_BATCH_ACCOUNT` and `BATCHMGR_BATCH_KEY`.

    >>> settings = BatchClientSettings({"BATCHMGR_BATCH_ENDPOINT": "https://hpc.westeurope.batch.azure.com"})
    >>> settings.endpoint, settings.has_key
    ('https://hpc.westeurope.batch.azure.com', False)

    Without a key, the client uses `DefaultAzureCredential`, such as the machine's managed identity. The
    variables need not be set if the client is never used.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        source = os.environ if environment is None else environment
        self.endpoint: str = source.get(ENDPOINT_VARIABLE, "").rstrip("/")
        self.account: str = source.get(ACCOUNT_VARIABLE, "")
        self.key: str = source.get(KEY_VARIABLE, "")

    @property
    def has_key(self) -> bool:
        """Return whether the client uses a shared key."""
        return bool(self.key)

    def __repr__(self) -> str:
        return f"BatchClientSettings(endpoint={self.endpoint!r}, account={self.account!r})"


class BatchClient:
    """An `azure.batch.BatchClient` that is opened when it is first used. `BatchClientFactory` makes it.

    Using it raises `BatchClientError` if a setting or the client library is missing.
    """

    def __init__(self, settings: BatchClientSettings) -> None:
        self._settings = settings
        self._opened: Any = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if self._opened is None:
            self._opened = _open(self._settings)
        return getattr(self._opened, name)

    def close(self) -> None:
        """Close its connections, if it was opened."""
        if self._opened is not None:
            self._opened.close()


class BatchClientFactory:
    """Makes the Azure Batch client that a workload is given.

    >>> client = BatchClientFactory.create(BatchClientSettings({}))
    >>> client.close()
    """

    @staticmethod
    def create(settings: BatchClientSettings) -> BatchClient:
        """Return a client for these settings. It does nothing until it is first used."""
        return BatchClient(settings)


def _open(settings: BatchClientSettings) -> Any:
    if not settings.endpoint:
        raise BatchClientError(
            f"set {ENDPOINT_VARIABLE} to the Batch account's address, such as https://hpc.westeurope.batch.azure.com"
        )
    if settings.has_key and not settings.account:
        raise BatchClientError(f"{KEY_VARIABLE} is set, so {ACCOUNT_VARIABLE} must be set too")
    try:
        clients = import_module(BATCH_CLIENTS)
    except (ImportError, SyntaxError) as error:
        raise BatchClientError(
            "the Azure Batch client needs Python 3.11 or newer and: pip install 'batchmgr[app]'"
        ) from error
    return clients.open_own_client(settings.endpoint, settings.account, settings.key)


__all__ = ["BatchClient", "BatchClientFactory", "BatchClientSettings"]
