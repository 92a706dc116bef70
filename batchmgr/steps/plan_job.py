"""From a job message to the plan of its Batch job. Nothing is run or sent.

`keep_plan` says which plans are made once and kept. The others are made whenever they are needed: the same
message gives the same plan each time.
"""

import asyncio
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TypeVar

from batchmgr.errors import InvalidJobError
from batchmgr.factories.factory_tasks import FactoryTasks, template_field
from batchmgr.factories.task_per_file import SOURCE
from batchmgr.model.container_access import StorageAccess
from batchmgr.model.traceparent import valid_traceparent
from batchmgr.plan.container_rules import DEFAULT_RULES, ContainerRules
from batchmgr.plan.finalize_task import complete_draft, finalize_message
from batchmgr.plan.job_plan import JobPlan
from batchmgr.plan.plan_rules import plan_problems
from batchmgr.plan.problems import raise_problems
from batchmgr.ports import Ports
from batchmgr.steps.draft_message import draft_message
from batchmgr.steps.record_tasks import TaskRecorder
from batchmgr.wire.factory_message import TaskPerFile
from batchmgr.wire.job_message import JobMessage
from batchmgr.wire.json_codec import decode, prepare
from batchmgr.wire.task_message import JobTasks
from batchmgr.workload_ports import Workloads, WorkloadThreads

T = TypeVar("T")

prepare(JobTasks)

DEFAULT_LIFETIME = timedelta(days=7)
"""How long nodes have access to storage if the job has no time limit."""

LONGEST_TASK = timedelta(days=180)
"""Azure Batch ends a task that has not completed by then, whatever the limits of the job and the task are.

Source: https://learn.microsoft.com/rest/api/batchservice/task/add
"""

SPARE_TIME = timedelta(days=1)
"""How much longer than the job's time limit nodes have access to storage."""

_TASK_FIELD = re.compile(r"tasks\[(?P<index>\d+)\](?P<rest>.*)")


async def plan(
    ports: Ports,
    job_id: str,
    message: JobMessage,
    pool_id: str,
    factory_tasks: FactoryTasks | None = None,
    known_tasks: JobTasks | None = None,
) -> JobPlan:
    """Return the checked plan of a job. For the last two see `plan_job`.

    The workload's own code runs here, in a thread, because it may be slow or hang. Its tasks are written to a
    file as they come. Raise InvalidJobError, which names the field of the message, for whatever is wrong.
    """
    call = partial(
        plan_job,
        job_id,
        message,
        workloads=ports.workloads,
        default_pool_id=pool_id,
        factory_tasks=factory_tasks,
        known_tasks=known_tasks,
        recorder=TaskRecorder(job_id, ports.containers) if message.workload else None,
        containers=ports.containers,
        keep_streams=ports.keep_streams,
    )
    return await in_thread(ports.threads, message, call)


async def in_thread(threads: WorkloadThreads, message: JobMessage, call: Callable[[], T]) -> T:
    """Call a function that plans the message, in a thread; in one for workloads if it runs a workload."""
    if message.workload and message.job_manager_task is None:
        return await threads.run(message.workload, call)
    return await asyncio.to_thread(call)


async def grant_access(ports: Ports, plan: JobPlan) -> StorageAccess:
    """Give the job's nodes access to the plan's containers, a day longer than the job may run."""
    lifetime = min(plan.job.max_wall_clock_time or DEFAULT_LIFETIME, LONGEST_TASK) + SPARE_TIME
    return await ports.storage.grant_access(
        plan.job_id, plan.container_needs, lifetime, nodes_have_identity=plan.job.auto_pool is None
    )


def plan_job(
    job_id: str,
    message: JobMessage,
    *,
    workloads: Workloads,
    default_pool_id: str,
    factory_tasks: FactoryTasks | None = None,
    known_tasks: JobTasks | None = None,
    recorder: TaskRecorder | None = None,
    containers: ContainerRules = DEFAULT_RULES,
    keep_streams: str = "",
) -> JobPlan:
    """Return the checked plan of a job. Raise InvalidJobError for the first rules that it breaks.

    `factory_tasks` are those of the message's taskFactory, and `known_tasks` those that the job's job manager
    task has planned on its node. With a recorder, the tasks of a workload are in a file.
    """
    plan = plan_unchecked(
        job_id,
        message,
        workloads=workloads,
        default_pool_id=default_pool_id,
        factory_tasks=factory_tasks,
        known_tasks=known_tasks,
        recorder=recorder,
        keep_streams=keep_streams,
    )
    raise_problems(problems_of(message, plan, containers))
    return plan


def plan_unchecked(
    job_id: str,
    message: JobMessage,
    *,
    workloads: Workloads,
    default_pool_id: str,
    factory_tasks: FactoryTasks | None = None,
    known_tasks: JobTasks | None = None,
    recorder: TaskRecorder | None = None,
    keep_streams: str = "",
) -> JobPlan:
    """Return the plan of a job before its rules are checked. Raise InvalidJobError if there can be none.

    The tasks are those of `plan_job`.
    """
    draft = draft_message(
        job_id,
        message,
        workloads=workloads,
        default_pool_id=default_pool_id,
        factory_tasks=factory_tasks,
        known_tasks=known_tasks,
        recorder=recorder,
    )
    plan = complete_draft(job_id, draft, finalize_message(job_id, written_by="FinalizeTask"))
    return replace(plan, traceparent=valid_traceparent(message.traceparent), keep_streams=keep_streams)


def problems_of(message: JobMessage, plan: JobPlan, containers: ContainerRules) -> Iterator[InvalidJobError]:
    """Yield every rule that the plan of this message breaks, with the field of the message."""
    if isinstance(message.task_factory, TaskPerFile):
        source = message.task_factory.source.container_name
        if reason := containers.container_problem(plan.job_id, source):
            yield InvalidJobError(reason, field=f"{SOURCE}.containerName")
    for problem in plan_problems(plan, containers):
        yield in_message(message, plan, problem)


def in_message(message: JobMessage, plan: JobPlan, problem: InvalidJobError) -> InvalidJobError:
    """Return the problem of a plan with the field of its message: that of the template, if there is one."""
    match = _TASK_FIELD.match(problem.field)
    if match is None or not plan.examples:
        return problem
    example = plan.examples[int(match["index"])]
    if message.task_factory is not None:
        origin = template_field(example)
    else:
        place = next(place for place, task in enumerate(plan.tasks) if task.id == example.id)
        origin = f"tasks[{place}]"
    return InvalidJobError(problem.reason, field=f"{origin}{match['rest']}")


def decode_tasks(body: bytes) -> JobTasks:
    """Return the tasks that a job manager task has planned. Raise InvalidJobError, which names the field."""
    return decode(body, JobTasks)
