"""Plans a job message offline, with the settings of the environment."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from pathlib import Path

from batchmgr.adapters.workload_registry import WorkloadRegistry
from batchmgr.bootstrap import open_node_storage
from batchmgr.cli.plan.offline_storage import OfflineStorage
from batchmgr.dispatcher.memory_ports import UnlimitedThreads
from batchmgr.errors import BatchmgrError, InvalidJobError, SettingsError
from batchmgr.plan.container_rules import ContainerRules
from batchmgr.settings import Settings
from batchmgr.storage_ports import NodeStorageView
from batchmgr.usecases.preview import PreviewPorts
from batchmgr.wire.factory_message import TaskPerFile
from batchmgr.wire.job_message import JobMessage, decode_job

DEFAULT_POOL = "(the app's default pool)"


def read_message(file: Path) -> JobMessage:
    """Return the job message in a file. Raise BatchmgrError."""
    try:
        body = file.read_bytes()
    except OSError as error:
        raise BatchmgrError(f"{error.filename}: {error.strerror}.") from error
    try:
        return decode_job(body)
    except InvalidJobError as error:
        raise BatchmgrError(f"{file}: {error}") from error


@asynccontextmanager
async def preview_ports(message: JobMessage, environment: Mapping[str, str]) -> AsyncIterator[PreviewPorts]:
    """Yield what the preview of a message needs. Raise SettingsError if blobs can't be listed for it."""
    settings = Settings.from_environment(environment)
    async with _storage(message, settings) as storage:
        yield PreviewPorts(
            storage=storage,
            workloads=WorkloadRegistry(named=settings.workloads),
            threads=UnlimitedThreads(),
            default_pool_id=settings.default_pool_id or DEFAULT_POOL,
            containers=ContainerRules(allowed=settings.containers),
            keep_streams=settings.keep_streams,
            check_callback=lambda uri: None,  # only the app's settings say which hosts it may call
        )


def _storage(message: JobMessage, settings: Settings) -> AbstractAsyncContextManager[NodeStorageView]:
    if not isinstance(message.task_factory, TaskPerFile):
        return nullcontext(OfflineStorage())
    try:
        settings.check_storage()
    except SettingsError as error:
        raise SettingsError(
            f"taskFactory.source: the blobs must be listed to plan this job; {error}"
        ) from error
    return open_node_storage(settings)
