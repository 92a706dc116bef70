"""The manifest: it shows the FinalizeTask of a workload how the other tasks have ended.

Nodes cannot ask Azure Batch. So the poller writes what it knows into the job's container as soon as only the
FinalizeTask is left to run. A FinalizeTask that reads the manifest waits for it.
"""

import asyncio
import logging
from collections.abc import Sequence

from batchmgr.errors import ServiceBusyError, ServiceError
from batchmgr.model.batch_snapshots import TaskSnapshot
from batchmgr.model.job_record import JobRecord
from batchmgr.plan.cut_text import cut
from batchmgr.plan.job_plan import MANIFEST_BLOB, RESERVED_PREFIX, JobPlan
from batchmgr.ports import Ports
from batchmgr.steps.earlier_tasks import earlier_tasks
from batchmgr.storage_ports import NodeStorageView
from batchmgr.workload.manifest import FinishedTask, Manifest, TaskOutput

logger = logging.getLogger(__name__)

MAX_ERROR = 1000
"""How many bytes the error of one task takes. Its event has all of it."""


async def write_manifest(
    ports: Ports, record: JobRecord, plan: JobPlan, tasks: Sequence[TaskSnapshot]
) -> None:
    """Write the manifest where the FinalizeTask looks for it. May be repeated."""
    try:
        earlier = await earlier_tasks(ports, plan)
        content = await asyncio.to_thread(_manifest, ports.storage, record, plan, tasks, earlier)
        await ports.files.write(record.job_id, MANIFEST_BLOB, content)
    except ServiceBusyError:
        raise
    except ServiceError as error:
        # A task may have deleted the container. The FinalizeTask fails then, and says what it misses.
        logger.error("the manifest of job %s can't be written: %s", record.job_id, error)


def _manifest(
    storage: NodeStorageView,
    record: JobRecord,
    plan: JobPlan,
    tasks: Sequence[TaskSnapshot],
    earlier: Sequence[FinishedTask],
) -> bytes:
    outputs = {
        task.id: tuple(
            TaskOutput(
                source_file_path=file.source_file_path, url=storage.blob_uri(file.need, file.blob_path)
            )
            for file in task.output_files
        )
        for task in plan.tasks
    }
    reasons = {
        failed.task_id: f"{failed.error.type}: {failed.error.message}"
        for failed in record.run.failed_tasks
        if failed.error is not None
    }
    finished = [
        _finished(task, outputs.get(task.task_id, ()), reasons)
        for task in tasks
        if not task.task_id.startswith(RESERVED_PREFIX)
    ]
    return Manifest.of([*earlier, *finished]).to_json().encode()


def _finished(task: TaskSnapshot, outputs: tuple[TaskOutput, ...], reasons: dict[str, str]) -> FinishedTask:
    error = reasons.get(task.task_id, "")
    if not error and task.error is not None:
        error = f"{task.error.type}: {task.error.message}"
    return FinishedTask(
        id=task.task_id,
        state=task.state,
        display_name=task.display_name,
        result=task.result,
        exit_code=task.exit_code,
        error=cut(error, MAX_ERROR) if task.has_failed else "",
        outputs=outputs,
    )
