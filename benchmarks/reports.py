"""How long one poll takes for a job whose tasks all report: `python benchmarks/reports.py CONNECTION_STRING`.

Writes 5,000 reports to a storage account (Azurite will do), as tasks on nodes would, and reads them as the
poller does: all new, then one in ten new, then none.
"""

import asyncio
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime

import msgspec
from azure.storage.blob.aio import BlobServiceClient, ContainerClient

from batchmgr.bootstrap import open_ports, prepare_storage
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_record_parts import Run
from batchmgr.model.job_states import JobState
from batchmgr.plan.file_specifications import EVENTS_CONTAINER
from batchmgr.plan.ids import job_container
from batchmgr.plan.job_plan import REPORTS_FOLDER
from batchmgr.ports import Ports
from batchmgr.settings import Settings
from batchmgr.steps.observe_reports import observe_reports
from batchmgr.steps.outbox import load
from batchmgr.wire.job_message import JobMessage

TASKS = 5_000
AT_ONCE = 64


async def report(container: ContainerClient, number: int, sequence: int) -> None:
    """What a task says that is half done."""
    facts = {"fraction": "0.5000", "message": "half%20of%20the%20windows", "sequence": str(sequence)}
    name = f"{REPORTS_FOLDER}/{number}.json"
    await container.upload_blob(name, b"{}", metadata=facts, overwrite=True)


async def report_all(container: ContainerClient, numbers: range, sequence: int) -> None:
    """Some at once, as many nodes do."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with gate:
            await report(container, number, sequence)

    await asyncio.gather(*map(one, numbers))


async def timed_poll(ports: Ports, job_id: str, what: str) -> None:
    """One look at the reports, and how long it took."""
    started, cpu = time.perf_counter(), time.process_time()
    listed = await ports.files.reports(job_id, TASKS)
    listing = time.perf_counter() - started
    started = time.perf_counter()
    job = await observe_reports(ports, await load(ports, job_id))
    whole, cpu = time.perf_counter() - started, time.process_time() - cpu
    size = len(msgspec.json.encode(job.value))
    sys.stdout.write(
        f"{what}: {len(listed)} reports listed in {listing:.2f} s; look in {whole:.2f} s "
        f"({cpu:.2f} s of CPU with the listing before); record of {size / 1024:.0f} KiB\n"
    )


async def main(connection_string: str) -> None:
    """Measure."""
    settings = Settings(
        storage_connection_string=connection_string,
        batch_endpoint="http://127.0.0.1:9",
        batch_account="none",
        batch_key="bm9uZQ==",
    )
    await prepare_storage(settings)
    job_id = f"reports-{time.time_ns()}"
    async with (
        open_ports(settings) as ports,
        BlobServiceClient.from_connection_string(connection_string) as service,
    ):
        now = datetime.now(UTC)
        await ports.jobs.save_request(job_id, JobMessage(job_id=job_id))
        record = JobRecord(
            job_id=job_id,
            state=JobState.RUNNING,
            workload="w",
            digest="d",
            created_at=now,
            updated_at=now,
            run=Run(can_report=True),
        )
        await ports.jobs.create(record)
        container = await service.create_container(job_container(job_id))
        await report_all(container, range(TASKS), 1)
        quiet = replace(ports, sink=Silence())
        await timed_poll(quiet, job_id, "all new")
        await timed_poll(quiet, job_id, "none new")
        await report_all(container, range(0, TASKS, 10), 2)
        await timed_poll(quiet, job_id, "one in ten new")
        log = service.get_blob_client(EVENTS_CONTAINER, f"{job_id}.jsonl")
        sys.stdout.write(f"log: {(await log.get_blob_properties()).size / 1024:.0f} KiB\n")


class Silence:
    """Sends no events: one queue message each is another matter."""

    async def send(self, events: object) -> None:
        """Drop them."""

    async def check(self) -> None:
        """Take any."""


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
