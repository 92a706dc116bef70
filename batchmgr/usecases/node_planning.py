"""Planning on a node: the job manager task decides on the tasks; what it has decided is fetched and kept."""

from batchmgr.errors import InvalidJobError, ServiceNotFoundError
from batchmgr.model.job import JobRecord
from batchmgr.model.plan import JOB_MANAGER_TASK_ID, PLANNED_TASKS_FILE
from batchmgr.model.task import TaskSnapshot
from batchmgr.ports import Ports
from batchmgr.usecases.diagnosis import diagnose
from batchmgr.usecases.ownership import find_own_job
from batchmgr.usecases.planning import decode_tasks


async def has_planned(ports: Ports, record: JobRecord) -> bool:
    """Whether the job manager task is over, or will never be."""
    task = await _job_manager_task(ports, record)
    if task is not None and task.state == "completed":
        return True
    batch_job = await find_own_job(ports, record)
    return batch_job is None or batch_job.is_over


async def keep_planned_tasks(ports: Ports, record: JobRecord) -> bool:
    """Keep the tasks that the job manager task has left; False while it is at work.

    Raises InvalidJobError when it failed, or left what can't be used.
    """
    task = await _job_manager_task(ports, record)
    if task is None or task.state != "completed":
        batch_job = await find_own_job(ports, record)
        if batch_job is not None and batch_job.is_over:
            raise InvalidJobError(
                f"the Batch job ended ({batch_job.terminate_reason or batch_job.state}) before its job "
                "manager task had planned it",
                field="jobManagerTask",
            )
        return False
    if task.has_failed:
        failed = await diagnose(ports, record.job_id, task)
        reason = failed.error.message if failed.error else f"exit code {task.exit_code}"
        raise InvalidJobError(f"the job manager task failed: {reason}", field="jobManagerTask")
    body = await ports.files.read(record.job_id, PLANNED_TASKS_FILE)
    if body is None:
        raise InvalidJobError(
            f"the job manager task left no {PLANNED_TASKS_FILE} in its working directory: its command must "
            "be that of a workload, such as python3 -m my_workload job-manager",
            field="jobManagerTask",
        )
    if not decode_tasks(body).tasks:
        raise InvalidJobError("the job manager task made a job without tasks", field="inputs")
    await ports.jobs.save_tasks(record.job_id, body)
    return True


async def _job_manager_task(ports: Ports, record: JobRecord) -> TaskSnapshot | None:
    try:
        return await ports.batch.get_task(record.job_id, JOB_MANAGER_TASK_ID)
    except ServiceNotFoundError:
        return None
