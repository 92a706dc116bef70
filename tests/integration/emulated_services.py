"""The use cases with Azurite and the fake Azure Batch, without the Functions host: one job at a time."""

import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
from azure.batch.aio import BatchClient
from azure.core.credentials import AzureNamedKeyCredential
from azure.storage.blob.aio import BlobServiceClient

from batchmgr import WorkloadBase
from batchmgr.adapters.workload_registry import WorkloadRegistry
from batchmgr.bootstrap import open_ports, prepare_storage
from batchmgr.model.batch_snapshots import TaskSnapshot
from batchmgr.model.cloud_event import Event
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_states import JobState
from batchmgr.plan.file_specifications import FINALIZE_CONTAINER
from batchmgr.ports import Ports
from batchmgr.settings import Settings
from batchmgr.steps.check_job import check_job
from batchmgr.usecases.accept import accept
from batchmgr.usecases.finalize import finalize
from batchmgr.usecases.poll import poll
from batchmgr.usecases.submit import submit
from batchmgr.wire.job_message import decode_job
from fakebatch.model.application_packages import ApplicationPackage
from fakebatch.server import Options, serving
from fakebatch.simulation.simulation_plan import SimulationPlan
from fakebatch.wire.shared_key import ACCOUNT_KEY, ACCOUNT_NAME
from tests.integration.messages import Json
from tests.integration.wait_until import until

POOLS: tuple[dict[str, object], ...] = (
    {"id": "local", "vmSize": "small", "targetDedicatedNodes": 1, "taskSlotsPerNode": 4},
    {"id": "mpi", "vmSize": "small", "targetDedicatedNodes": 3, "enableInterNodeCommunication": True},
    {"id": "idle", "vmSize": "small", "targetDedicatedNodes": 0},
)


@dataclass(frozen=True, kw_only=True)
class EmulatedServices:
    """The ports of a control plane, and clients of the services behind them."""

    ports: Ports
    batch: BatchClient
    blobs: BlobServiceClient

    async def submit(self, message: Json) -> JobRecord:
        """Submit a job to Azure Batch."""
        decoded = decode_job(msgspec.json.encode(message))
        await check_job(self.ports, decoded.job_id, decoded)
        await accept(self.ports, decoded.job_id, decoded)
        await submit(self.ports, decoded.job_id)
        return await self.record(decoded.job_id)

    async def run(self, message: Json) -> JobRecord:
        """Submit a job to Azure Batch, and wait for its end."""
        record = await self.submit(message)
        return await self.wait_for_end(record.job_id)

    async def wait_for_end(self, job_id: str) -> JobRecord:
        """Poll as the timer would, and finalize as the blob trigger would, until the job has ended."""

        async def step() -> JobRecord | None:
            await poll(self.ports)
            blob = self.blobs.get_blob_client(FINALIZE_CONTAINER, f"{job_id}.json")
            if await blob.exists():
                await finalize(self.ports, job_id)
            record = await self.record(job_id)
            return record if record.state.is_final else None

        return await until(step)

    async def record(self, job_id: str) -> JobRecord:
        """Return the record of a job."""
        return (await self.ports.jobs.load(job_id)).value

    async def tasks(self, job_id: str) -> dict[str, TaskSnapshot]:
        """Return the tasks of a job, by id."""
        return {task.task_id: task async for task in self.ports.batch.list_tasks(job_id)}

    async def text(self, job_id: str, task_id: str, path: str = "stdout.txt") -> str:
        """Return the text of a task's file on its node."""
        return (await self.ports.batch.read_file(job_id, task_id, path, 1 << 20)).decode()

    async def sent_job(self, job_id: str) -> Json:
        """Return the job as Azure Batch stores it."""
        return dict((await self.batch.get_job(job_id)).as_dict())

    async def sent_task(self, job_id: str, task_id: str) -> Json:
        """Return the task as Azure Batch stores it."""
        return dict((await self.batch.get_task(job_id, task_id)).as_dict())

    async def events(self, job_id: str) -> list[Event]:
        """Return all events of a job."""
        return list(await self.ports.events.read(job_id, 0, 10**6))

    async def upload(self, container: str, name: str, content: bytes) -> None:
        """Upload a blob."""
        client = self.blobs.get_container_client(container)
        if not await client.exists():
            await client.create_container()
        await client.upload_blob(name, content)


@asynccontextmanager
async def start_services(
    root: Path,
    connection_string: str,
    *workloads: type[WorkloadBase],
    simulation: SimulationPlan | None = None,
    data: str = "",
) -> AsyncIterator[EmulatedServices]:
    """Start the services. With a `simulation`, tasks are simulated and no process is started.

    `data` is the connection string of a second storage account, for data.
    The Batch account has the application package `tool`, with the default version 1.0.
    """
    options = Options(root=root / "nodes", pools=POOLS, applications=(_tool(root),), simulation=simulation)
    async with (
        serving(options) as endpoint,
        BatchClient(endpoint, AzureNamedKeyCredential(ACCOUNT_NAME, ACCOUNT_KEY)) as batch,
        BlobServiceClient.from_connection_string(connection_string) as blobs,
    ):
        settings = Settings(
            storage_connection_string=connection_string,
            data_connection_string=data,
            batch_endpoint=endpoint,
            batch_account=ACCOUNT_NAME,
            batch_key=ACCOUNT_KEY,
            default_pool_id="local",
        )
        await prepare_storage(settings)
        async with open_ports(settings) as ports:
            known = {one.name: (lambda one=one: one) for one in workloads}
            registry = WorkloadRegistry(known)
            yield EmulatedServices(ports=replace(ports, workloads=registry), batch=batch, blobs=blobs)


def _tool(root: Path) -> ApplicationPackage:
    archive = root / "tool.zip"
    with zipfile.ZipFile(archive, "w") as content:
        entry = zipfile.ZipInfo("bin/tool")
        entry.external_attr = 0o755 << 16
        content.writestr(entry, "#!/bin/sh\necho installed\n")
    return ApplicationPackage(application_id="tool", version="1.0", archive=archive, is_default=True)


def succeeded(record: JobRecord) -> bool:
    """Return whether the job has succeeded. If not, pytest shows the error."""
    assert record.error is None, record.error
    return record.state is JobState.SUCCEEDED
