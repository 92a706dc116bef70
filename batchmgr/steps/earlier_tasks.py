"""What a rerun keeps of the job that it completes: how the other tasks have ended, and their results.

The files of these tasks stay where they are, in the container of the first job.
"""

import asyncio
import logging
from collections.abc import Collection, Sequence

from batchmgr.errors import FileTooLargeError, JobNotFoundError, ManifestError, ServiceNotFoundError
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_record_parts import ResultFile
from batchmgr.model.task_progress import TaskResult
from batchmgr.plan.job_plan import JobPlan, TaskPlan
from batchmgr.ports import Ports
from batchmgr.storage_ports import NodeStorageView
from batchmgr.wire.events import succeeded_task
from batchmgr.workload.manifest import MAX_MANIFEST_BYTES, FinishedTask, Manifest, TaskOutput

logger = logging.getLogger(__name__)

EARLIER_BLOB = "batchmgr-earlier.json"
"""The blob, in the job's container, with the tasks that ended in the jobs before: a manifest of these."""


async def succeeded_tasks(ports: Ports, record: JobRecord) -> Collection[str] | None:
    """Return the ids of the tasks that succeeded in a job that has ended; None if nothing knows it any more.

    The log knows it for as long as it is kept, and then Azure Batch.
    """
    if not record.in_batch:
        return frozenset()
    try:
        ids = await ports.events.ids(record.job_id, 0, max(record.events_offset, record.observed_offset))
        return {task_id for task_id in map(succeeded_task, ids) if task_id}
    except ServiceNotFoundError:
        pass
    try:
        return {t.task_id async for t in ports.batch.list_tasks(record.job_id) if t.has_succeeded}
    except ServiceNotFoundError:
        return None


async def keep_earlier_tasks(
    ports: Ports, job_id: str, plan: JobPlan, before: JobPlan, chosen: Collection[str]
) -> None:
    """Store how the tasks ended that a rerun leaves out, if its FinalizeTask may ask for them."""
    if plan.finalize_task.manifest_need is None:
        return
    kept = [task for task in await earlier_tasks(ports, before) if task.id not in chosen]

    def content() -> bytes:
        done = [_succeeded(ports.storage, task) for task in before.tasks if task.id not in chosen]
        return Manifest.of([*kept, *done]).to_json().encode()

    await ports.files.write(job_id, EARLIER_BLOB, await asyncio.to_thread(content))


async def earlier_tasks(ports: Ports, plan: JobPlan) -> Sequence[FinishedTask]:
    """Return how the tasks ended that ran in the jobs that this one completes."""
    if not plan.completes or plan.finalize_task.manifest_need is None:
        return ()
    try:
        body = await ports.files.read(plan.job_id, EARLIER_BLOB, MAX_MANIFEST_BYTES)
        return () if body is None else Manifest.from_json(body.decode(errors="replace")).tasks
    except (FileTooLargeError, ManifestError) as error:  # a task of the job has written it
        logger.error("the manifest of job %s lacks the tasks of earlier jobs: %s", plan.job_id, error)
        return ()


async def with_earlier_results(
    ports: Ports, plan: JobPlan | None, results: Sequence[ResultFile], task_results: Sequence[TaskResult]
) -> tuple[tuple[ResultFile, ...], tuple[TaskResult, ...]]:
    """Return the results of a job together with those of the job that it completes, if it does.

    Where both have one, that of this job counts.
    """
    if plan is None or not plan.completes:
        return tuple(results), tuple(task_results)
    try:
        before = (await ports.jobs.load(plan.completes)).value
    except JobNotFoundError:
        return tuple(results), tuple(task_results)
    files = {file.uri: file for file in (*before.results, *results)}
    values = {one.task_id: one for one in (*before.task_results, *task_results)}
    return tuple(files.values()), tuple(values.values())


def _succeeded(storage: NodeStorageView, task: TaskPlan) -> FinishedTask:
    outputs = tuple(
        TaskOutput(source_file_path=file.source_file_path, url=storage.blob_uri(file.need, file.blob_path))
        for file in task.output_files
    )
    return FinishedTask(
        id=task.id,
        state="completed",
        display_name=task.display_name,
        result="success",
        exit_code=0,
        outputs=outputs,
    )
