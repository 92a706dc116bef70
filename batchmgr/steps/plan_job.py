"""Plan: from a job message to the plan of its Batch job. Nothing is run or sent."""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import replace

import msgspec

from batchmgr.adapters.workload_registry import WorkloadRegistry
from batchmgr.errors import InvalidJobError
from batchmgr.factories.make_tasks import field_of
from batchmgr.plan.file_specifications import OutputFileSpecification
from batchmgr.plan.finalize_task import complete_draft, finalize_message
from batchmgr.plan.ids import job_container
from batchmgr.plan.job_plan import (
    FINALIZE_FILE,
    FINALIZE_VARIABLE,
    JOB_MANAGER_TASK_ID,
    JOB_VARIABLE,
    PLANNED_TASKS_FILE,
    JobDraft,
    JobPlan,
    TaskPlan,
)
from batchmgr.plan.job_specification import JobSpecification
from batchmgr.plan.plan_rules import plan_problems
from batchmgr.ports import Ports
from batchmgr.wire.job_message import JobManagerTaskMessage, JobMessage, decode
from batchmgr.wire.task_message import JobTasks, TaskMessage
from batchmgr.workload.draft_from_workload import MAX_INPUTS_BYTES, draft_from_workload
from batchmgr.workload.job_manager import JobContext

_TASK_FIELD = re.compile(r"tasks\[(?P<index>\d+)\](?P<rest>.*)")
_FINALIZE = TaskPlan(
    id="",
    display_name="FinalizeTask",
    command_line=f"/bin/sh -c 'printf %s \"${FINALIZE_VARIABLE}\" > {FINALIZE_FILE}'",
)
"""The FinalizeTask of a job without a workload: it leaves its file, and that is all."""


async def plan(ports: Ports, job_id: str, message: JobMessage, pool_id: str) -> JobPlan:
    """As `plan_job`, with what is kept of the job's tasks, and off the event loop.

    The workload's own code runs here, and it may be slow.
    """
    kept = await ports.jobs.load_tasks(job_id) if message.job_manager_task is not None else None
    return await asyncio.to_thread(
        plan_job,
        job_id,
        message,
        workloads=ports.workloads,
        default_pool_id=pool_id,
        known_tasks=decode_tasks(kept) if kept else None,
    )


def plan_job(
    job_id: str,
    message: JobMessage,
    *,
    workloads: WorkloadRegistry,
    default_pool_id: str,
    known_tasks: JobTasks | None = None,
) -> JobPlan:
    """The plan of a job whose tasks are known: those of a taskFactory were put into the message.

    `known_tasks` are those that the job's job manager task has decided on. Raises InvalidJobError that names
    the field of the message.
    """
    plan = lay_out_job(
        job_id, message, workloads=workloads, default_pool_id=default_pool_id, known_tasks=known_tasks
    )
    for problem in problems_of(message, plan):
        raise problem
    return plan


def problems_of(message: JobMessage, plan: JobPlan) -> Iterator[InvalidJobError]:
    """Every rule that the plan of this message breaks, each with its field of the message."""
    for problem in plan_problems(plan):
        match = _TASK_FIELD.match(problem.field)
        if message.task_factory is None or match is None:
            yield problem
        else:
            origin = field_of(message.tasks[int(match["index"])])
            yield InvalidJobError(problem.reason, field=f"{origin}{match['rest']}")


def lay_out_job(
    job_id: str,
    message: JobMessage,
    *,
    workloads: WorkloadRegistry,
    default_pool_id: str,
    known_tasks: JobTasks | None = None,
) -> JobPlan:
    """The plan of a job, not checked yet. Raises InvalidJobError where there can be none."""
    job = _job(message, default_pool_id)
    if message.tasks:
        tasks = tuple(_plan_task(job_id, task) for task in message.tasks)
        draft = JobDraft(job=job, tasks=tasks, finalize_task=_FINALIZE)
    elif message.job_manager_task is not None:
        draft = _draft_on_node(job_id, job, message, message.job_manager_task, known_tasks)
    else:
        context = JobContext(job_id=job_id, inputs=message.inputs, job=job)
        draft = draft_from_workload(workloads.load(message.workload), context)
        if draft.job.auto_pool is not None and not message.pool_id:
            draft.job.pool_id = ""  # which was batchmgr's default: the workload has chosen otherwise
    return complete_draft(job_id, draft, finalize_message(job_id, written_by="FinalizeTask"))


def decode_tasks(body: bytes) -> JobTasks:
    """The tasks that a job manager task has left. Raises InvalidJobError that names the field."""
    return decode(body, JobTasks)


def _job(message: JobMessage, default_pool_id: str) -> JobSpecification:
    """What the message says of the job as a whole."""
    job = msgspec.convert(message, JobSpecification, from_attributes=True)
    if not job.pool_id and job.auto_pool is None:
        job.pool_id = default_pool_id
    return job


def _plan_task(job_id: str, task: TaskMessage) -> TaskPlan:
    own = job_container(job_id)
    inputs = tuple(
        file if file.container_name or file.http_url else msgspec.structs.replace(file, container_name=own)
        for file in task.input_files
    )
    outputs = tuple(
        file if file.container_name else msgspec.structs.replace(file, container_name=own)
        for file in task.output_files
    )
    whole = msgspec.structs.replace(
        task, input_files=inputs, output_files=outputs, depends_on=tuple(dict.fromkeys(task.depends_on))
    )
    return msgspec.convert(whole, TaskPlan, from_attributes=True)


def _draft_on_node(
    job_id: str,
    job: JobSpecification,
    message: JobMessage,
    manager: JobManagerTaskMessage,
    known: JobTasks | None,
) -> JobDraft:
    """The draft of a job that a node plans: without tasks until it has."""
    finalize = known.finalize_task if known is not None else None
    return JobDraft(
        job=job,
        tasks=tuple(_plan_task(job_id, _like_manager(task, manager)) for task in known.tasks)
        if known
        else (),
        finalize_task=_plan_task(job_id, _like_manager(finalize, manager)) if finalize else _FINALIZE,
        job_manager_task=_plan_manager(job_id, message, manager),
        can_report=True,
        asks_for_manifest=finalize is not None,
    )


def _like_manager(task: TaskMessage, manager: JobManagerTaskMessage) -> TaskMessage:
    """The task, in the container and with the packages of the job manager, unless it names its own."""
    return msgspec.structs.replace(
        task,
        container_settings=task.container_settings or manager.container_settings,
        application_packages=task.application_packages or manager.application_packages,
    )


def _plan_manager(job_id: str, message: JobMessage, manager: JobManagerTaskMessage) -> TaskPlan:
    job = msgspec.json.encode({"jobId": job_id, "inputs": message.inputs}).decode()
    if len(job) > MAX_INPUTS_BYTES:
        raise InvalidJobError(
            f"take {len(job)} bytes as JSON, more than the {MAX_INPUTS_BYTES} that travel to a job manager "
            "task: put the data in a blob and name it in jobManagerTask.inputFiles",
            field="inputs",
        )
    planned = OutputFileSpecification(
        source_file_path=PLANNED_TASKS_FILE,
        container_name=job_container(job_id),
        target_blob_path=PLANNED_TASKS_FILE,
    )
    task = TaskMessage(
        id=JOB_MANAGER_TASK_ID,
        display_name="JobManager",
        **{name: getattr(manager, name) for name in manager.__struct_fields__},
    )
    environment = {**manager.environment, JOB_VARIABLE: job}
    return replace(_plan_task(job_id, task), environment=environment, output_files=(planned,))
