"""Manifest: a FinalizeTask of a workload's own is told how the other tasks ended.

Azure Batch gives nodes no way to ask it. So the poller writes what it knows into the job's container as soon
as nothing but the FinalizeTask is left to run; the FinalizeTask waits for it if it wants to know.
"""

from collections.abc import Sequence

from batchmgr.model.batch_snapshots import TaskSnapshot
from batchmgr.model.job_record import JobRecord
from batchmgr.plan.job_plan import MANIFEST_BLOB, RESERVED_PREFIX, JobPlan
from batchmgr.ports import Ports
from batchmgr.workload.manifest import FinishedTask, Manifest, TaskOutput


async def write_manifest(
    ports: Ports, record: JobRecord, plan: JobPlan, tasks: Sequence[TaskSnapshot]
) -> None:
    """Leave the manifest where the FinalizeTask looks for it. May be repeated."""
    outputs = {
        task.id: tuple(
            TaskOutput(
                source_file_path=file.source_file_path, url=ports.storage.blob_uri(file.need, file.blob_path)
            )
            for file in task.output_files
        )
        for task in plan.tasks
    }
    reasons = {
        failed.task_id: f"{failed.error.type}: {failed.error.message}"
        for failed in record.failed_tasks
        if failed.error is not None
    }
    finished = [
        _finished(task, outputs.get(task.task_id, ()), reasons)
        for task in tasks
        if not task.task_id.startswith(RESERVED_PREFIX)
    ]
    manifest = Manifest.of(finished)
    await ports.files.write(record.job_id, MANIFEST_BLOB, manifest.to_json().encode())


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
        error=error if task.has_failed else "",
        outputs=outputs,
    )
