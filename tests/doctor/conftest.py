"""A local set-up in which everything is well, for tests to break."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from azure.batch.aio import BatchClient
from azure.core.credentials import AzureNamedKeyCredential

from batchmgr.adapters.bounded_clients import BatchRetry
from batchmgr.bootstrap import prepare_storage
from batchmgr.doctor.examine import examine_settings
from batchmgr.doctor.finding import Finding, Status
from batchmgr.doctor.read_settings import FoundSettings
from batchmgr.settings import Settings
from fakebatch.model.application_packages import ApplicationPackage
from fakebatch.server import Options, serving
from fakebatch.wire.shared_key import ACCOUNT_KEY, ACCOUNT_NAME

POOL: dict[str, object] = {
    "id": "local",
    "vmSize": "standard_d2s_v5",
    "targetDedicatedNodes": 2,
    "taskSlotsPerNode": 4,
}


@dataclass
class SetUp:
    """An app's settings, and the services that they name. Tests change them."""

    environment: dict[str, str]
    batch: BatchClient
    listed: set[str] = field(default_factory=set)

    async def prepare(self) -> None:
        """Create queues and containers, as the app does when it starts."""
        await prepare_storage(Settings.from_environment(self.environment))

    async def examine(self, now: Callable[[], float] | None = None) -> "Findings":
        found = FoundSettings(
            environment=self.environment, listed=frozenset(self.listed), source="local.settings.json"
        )
        return Findings(await (examine_settings(found, now=now) if now else examine_settings(found)))


class Findings(list[Finding]):
    """What the doctor has found."""

    def of(self, check: str) -> Finding:
        """Return the worst finding of a check."""
        order: Sequence[Status] = (Status.WRONG, Status.WARNING, Status.UNKNOWN, Status.FINE)
        return min((one for one in self if one.check == check), key=lambda one: order.index(one.status))

    @property
    def troubles(self) -> set[str]:
        """Return the checks in which something is wrong or to be changed."""
        return {one.check for one in self if one.status in {Status.WRONG, Status.WARNING}}


def settings(connection_string: str, batch: str) -> Mapping[str, str]:
    return {
        "AzureWebJobsStorage": connection_string,
        "BATCHMGR_BATCH_ENDPOINT": batch,
        "BATCHMGR_BATCH_ACCOUNT": ACCOUNT_NAME,
        "BATCHMGR_BATCH_KEY": ACCOUNT_KEY,
        "BATCHMGR_POOL_ID": "local",
        "BATCHMGR_POLL_SCHEDULE": "*/2 * * * * *",
        "BATCHMGR_BLOB_SOURCE": "LogsAndContainerScan",
    }


@asynccontextmanager
async def set_up_with(
    connection_string: str, directory: Path, applications: tuple[ApplicationPackage, ...] = ()
) -> AsyncIterator[SetUp]:
    """Start the services of a set-up, and prepare it."""
    options = Options(root=directory / "nodes", pools=(POOL,), applications=applications)
    async with (
        serving(options) as endpoint,
        BatchClient(endpoint, AzureNamedKeyCredential(ACCOUNT_NAME, ACCOUNT_KEY)) as batch,
    ):
        made = SetUp(environment=dict(settings(connection_string, endpoint)), batch=batch)
        await made.prepare()
        yield made


@pytest.fixture(autouse=True)
def _who_cannot_be_reached_is_tried_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pauses between tries would be five seconds of each test with an account that does not exist."""
    sleep = BatchRetry.sleep

    async def no_sleep(
        self: BatchRetry, settings: dict[str, Any], transport: Any, response: Any = None
    ) -> None:
        if response is not None:
            await sleep(self, settings, transport, response=response)

    monkeypatch.setattr(BatchRetry, "sleep", no_sleep)


@pytest.fixture
async def set_up(connection_string: str, tmp_path: Path) -> AsyncIterator[SetUp]:
    async with set_up_with(connection_string, tmp_path) as made:
        yield made
