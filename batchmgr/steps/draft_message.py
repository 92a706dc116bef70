"""What a job message says a job is: its tasks, or what its workload makes of its inputs.

The draft is the same kind of value for every kind of message. `plan_job` completes it and checks it.
"""

from dataclasses import replace

import msgspec

from batchmgr.errors import InvalidJobError
from batchmgr.factories.factory_tasks import FactoryTasks
from batchmgr.plan.file_specifications import OutputFileSpecification
from batchmgr.plan.ids import job_container
from batchmgr.plan.job_plan import (
    FINALIZE_FILE,
    FINALIZE_VARIABLE,
    JOB_MANAGER_TASK_ID,
    JOB_VARIABLE,
    PLANNED_TASKS_FILE,
    JobDraft,
    TaskPlan,
)
from batchmgr.plan.job_specification import JobSpecification
from batchmgr.steps.record_tasks import TaskRecorder
from batchmgr.wire.job_message import JobManagerTaskMessage, JobMessage
from batchmgr.wire.json_codec import prepare
from batchmgr.wire.task_message import JobTasks, TaskMessage
from batchmgr.wire.task_plans import plan_task
from batchmgr.workload.draft_from_workload import MAX_INPUTS_BYTES, Keep, draft_from_workload
from batchmgr.workload.job_manager import JobContext
from batchmgr.workload_ports import Workloads

prepare(JobSpecification)

_FINALIZE = TaskPlan(
    id="",
    display_name="FinalizeTask",
    command_line=f"/bin/sh -c 'printf %s \"${FINALIZE_VARIABLE}\" > {FINALIZE_FILE}'",
)
"""The FinalizeTask of a job without a workload: it writes the file that becomes the finalize blob."""


def draft_message(
    job_id: str,
    message: JobMessage,
    *,
    workloads: Workloads,
    default_pool_id: str,
    factory_tasks: FactoryTasks | None = None,
    known_tasks: JobTasks | None = None,
    recorder: TaskRecorder | None = None,
) -> JobDraft:
    """Return the draft of a job. Raise InvalidJobError, which names the field, if there can be none.

    `factory_tasks` are those of the message's taskFactory, and `known_tasks` those that the job's job manager
    task has planned on its node. The tasks of a workload are recorded as they come, if there is a recorder.
    """
    job = _job(message, default_pool_id)
    if factory_tasks is not None:
        return JobDraft(
            job=job,
            tasks=factory_tasks,
            finalize_task=_FINALIZE,
            examples=factory_tasks.examples,
            leaves=factory_tasks.leaves,
        )
    if message.tasks:
        tasks = tuple(plan_task(job_id, task) for task in message.tasks)
        return JobDraft(job=job, tasks=tasks, finalize_task=_FINALIZE)
    keep: Keep = tuple if recorder is None else recorder.record
    if message.job_manager_task is not None:
        draft = _draft_on_node(job_id, job, message, message.job_manager_task, known_tasks, keep)
    else:
        context = JobContext(job_id=job_id, inputs=message.inputs, job=job)
        draft = draft_from_workload(workloads.load(message.workload), context, keep)
        if draft.job.auto_pool is not None and not message.pool_id:
            draft.job.pool_id = ""  # it was batchmgr's default pool: the workload has chosen an auto pool
    if recorder is None:
        return draft
    return replace(draft, examples=recorder.examples, leaves=recorder.leaves)


def _job(message: JobMessage, default_pool_id: str) -> JobSpecification:
    job = msgspec.convert(message, JobSpecification, from_attributes=True)
    if not job.pool_id and job.auto_pool is None:
        job.pool_id = default_pool_id
    return job


def _draft_on_node(
    job_id: str,
    job: JobSpecification,
    message: JobMessage,
    manager: JobManagerTaskMessage,
    known: JobTasks | None,
    keep: Keep,
) -> JobDraft:
    """Return the draft of a job that a node plans. It has no tasks until the node has planned them."""
    finalize = known.finalize_task if known is not None else None
    planned = (plan_task(job_id, _like_manager(task, manager)) for task in known.tasks) if known else None
    return JobDraft(
        job=job,
        tasks=keep(planned) if planned else (),
        finalize_task=plan_task(job_id, _like_manager(finalize, manager)) if finalize else _FINALIZE,
        job_manager_task=_plan_manager(job_id, message, manager),
        can_report=True,
        asks_for_manifest=finalize is not None,
        has_own_finalize=finalize is not None,
    )


def _like_manager(task: TaskMessage, manager: JobManagerTaskMessage) -> TaskMessage:
    """Return the task with the job manager's container and packages, unless it names its own."""
    return msgspec.structs.replace(
        task,
        container_settings=task.container_settings or manager.container_settings,
        application_packages=task.application_packages or manager.application_packages,
    )


def _plan_manager(job_id: str, message: JobMessage, manager: JobManagerTaskMessage) -> TaskPlan:
    job = msgspec.json.encode({"jobId": job_id, "inputs": message.inputs}).decode()
    if len(job) > MAX_INPUTS_BYTES:
        raise InvalidJobError(
            f"take {len(job)} bytes as JSON, more than the {MAX_INPUTS_BYTES} that a job manager task can be "
            "given: put the data in a blob and name it in jobManagerTask.inputFiles",
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
    return replace(plan_task(job_id, task), environment=environment, output_files=(planned,))
