"""Plan: from a job message to the plan of its Batch job. Nothing is run, read or sent."""

import asyncio
from collections.abc import Iterator

from batchmgr.errors import InvalidJobError
from batchmgr.model.ids import job_container
from batchmgr.model.paths import check_input_file, check_output_file
from batchmgr.model.plan import FINALIZE_FILE, FINALIZE_VARIABLE, InputFile, JobPlan, OutputFile, TaskPlan
from batchmgr.ports import Ports
from batchmgr.wire.finalize_message import finalize_message
from batchmgr.wire.job_message import JobMessage
from batchmgr.wire.task_expansion import field_of
from batchmgr.wire.task_message import TaskMessage
from batchmgr.workload.finalize_plan import as_finalize_task, mark_leaves
from batchmgr.workload.job_manager import JobContext
from batchmgr.workload.planning import plan_workload
from batchmgr.workload.registry import WorkloadRegistry

_WRITE_FINALIZE_FILE = f"/bin/sh -c 'printf %s \"${FINALIZE_VARIABLE}\" > {FINALIZE_FILE}'"


async def plan(ports: Ports, job_id: str, message: JobMessage, pool_id: str) -> JobPlan:
    """As `plan_job`, off the event loop: the workload's own code runs here, and it may be slow."""
    return await asyncio.to_thread(
        plan_job, job_id, message, workloads=ports.workloads, default_pool_id=pool_id
    )


def plan_job(
    job_id: str, message: JobMessage, *, workloads: WorkloadRegistry, default_pool_id: str
) -> JobPlan:
    """The plan of a job whose tasks are known: those of a taskFactory were put into the message.

    Raises InvalidJobError that names the field of the message.
    """
    pool_id = pool_of(message, default_pool_id)
    content = finalize_message(job_id, written_by="FinalizeTask")
    if message.tasks:
        return _plan_tasks(job_id, message, pool_id, content)
    context = JobContext(job_id=job_id, inputs=message.inputs)
    return plan_workload(
        workloads.load(message.workload),
        context,
        pool_id=pool_id,
        max_wall_clock_time=message.max_wall_clock_time,
        finalize_message=content,
    )


def pool_of(message: JobMessage, default_pool_id: str) -> str:
    """The pool that the job is for. Raises InvalidJobError if there is none."""
    pool_id = message.pool_id or default_pool_id
    if not pool_id:
        raise InvalidJobError("required, since this batchmgr has no default pool", field="poolId")
    return pool_id


def _plan_tasks(job_id: str, message: JobMessage, pool_id: str, content: str) -> JobPlan:
    tasks = mark_leaves([plan_task(job_id, task, field) for task, field in tasks_by_field(message)])
    draft = TaskPlan(id="", display_name="FinalizeTask", command_line=_WRITE_FINALIZE_FILE)
    return JobPlan(
        job_id=job_id,
        pool_id=pool_id,
        tasks=tasks,
        finalize_task=as_finalize_task(draft, job_id=job_id, tasks=tasks, finalize_message=content),
        max_wall_clock_time=message.max_wall_clock_time,
    )


def tasks_by_field(message: JobMessage) -> Iterator[tuple[TaskMessage, str]]:
    """The tasks of a message, each with the field that describes it."""
    for index, task in enumerate(message.tasks):
        yield task, f"tasks[{index}]" if message.task_factory is None else field_of(task)


def plan_task(job_id: str, task: TaskMessage, field: str) -> TaskPlan:
    """The plan of one task of a message. Raises InvalidJobError for a path that can't be."""
    inputs = tuple(
        InputFile(
            target_file_path=file.target_file_path,
            source_blob_path=file.source_blob_path,
            container_name=file.container_name or ("" if file.http_url else job_container(job_id)),
            storage_account_name=file.storage_account_name,
            identity_reference=file.identity_reference,
            http_url=file.http_url,
        )
        for file in task.input_files
    )
    outputs = tuple(
        OutputFile(
            source_file_path=file.source_file_path,
            target_blob_path=file.target_blob_path,
            container_name=file.container_name or job_container(job_id),
            storage_account_name=file.storage_account_name,
            identity_reference=file.identity_reference,
            upload_condition=file.upload_condition,
        )
        for file in task.output_files
    )
    for index, source in enumerate(inputs):
        check_input_file(source, field=f"{field}.inputFiles[{index}]")
    for index, target in enumerate(outputs):
        check_output_file(target, field=f"{field}.outputFiles[{index}]")
    return TaskPlan(
        id=task.id,
        command_line=task.command_line,
        display_name=task.display_name,
        environment=task.environment,
        input_files=inputs,
        output_files=outputs,
        depends_on=tuple(dict.fromkeys(task.depends_on)),
        max_task_retry_count=task.max_task_retry_count,
        max_wall_clock_time=task.max_wall_clock_time,
        required_slots=task.required_slots,
    )
