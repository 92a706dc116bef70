"""Preview a job: what it would be, and everything that is wrong with it.

Nothing is stored, sent or created.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import msgspec

from batchmgr.errors import InvalidJobError, ServiceError
from batchmgr.factories.factory_tasks import FactoryTasks
from batchmgr.factories.task_per_file import SOURCE
from batchmgr.plan.container_rules import DEFAULT_RULES, ContainerRules
from batchmgr.plan.job_plan import JobPlan
from batchmgr.plan.problems import first_problems
from batchmgr.steps.check_message import has_tasks_to_plan, message_problems
from batchmgr.steps.command_warnings import command_warnings
from batchmgr.steps.expand_factory import expand_found
from batchmgr.steps.measure_plan import measure_plan
from batchmgr.steps.plan_job import in_message, in_thread, plan_job, plan_unchecked, problems_of
from batchmgr.steps.warn_of_signatures import check_signatures
from batchmgr.storage_ports import NodeStorageView
from batchmgr.wire.job_message import JobMessage
from batchmgr.wire.plan_preview import PlanPreview, Problem
from batchmgr.workload_ports import Workloads, WorkloadThreads

UNNAMED = "new-job"
"""The job id in the preview of a job whose real id is made up only when it is sent."""


@dataclass(frozen=True, kw_only=True)
class PreviewPorts:
    """What a preview needs from outside. None of it can change anything.

    `check_callback` raises InvalidJobError for a callback URI that batchmgr may not call.
    """

    storage: NodeStorageView
    workloads: Workloads
    threads: WorkloadThreads
    default_pool_id: str
    check_callback: Callable[[str], None]
    containers: ContainerRules = DEFAULT_RULES
    keep_streams: str = ""


async def preview(ports: PreviewPorts, job_id: str, message: JobMessage, limit: int) -> PlanPreview:
    """Return what the message would become under this id, with its first `limit` tasks and its problems.

    Raise ServiceBusyError if blobs have to be listed and storage is busy.
    """
    problems, tasks = await asyncio.to_thread(_message_problems, ports, message), None
    factory = message.task_factory
    if factory is not None and not any(problem.field.startswith("taskFactory") for problem in problems):
        try:
            tasks = await expand_found(ports.storage, job_id, factory)
        except InvalidJobError as error:
            problems.append(error)
        except ServiceError as error:
            if error.retryable:
                raise
            problems.append(InvalidJobError(str(error), field=SOURCE))
    if has_tasks_to_plan(problems):
        call = partial(_plan, ports, job_id, message, tasks, limit, problems)
        try:
            return await in_thread(ports.threads, message, call)
        except InvalidJobError as error:  # the workload hangs
            problems.append(error)
    return _refused(ports, job_id, message, problems)


async def whole_plan(ports: PreviewPorts, job_id: str, message: JobMessage) -> JobPlan:
    """Return the plan of the message under this id. Raise InvalidJobError for the first thing that is wrong.

    Raise ServiceBusyError if blobs have to be listed and storage is busy.
    """
    tasks = None
    if message.task_factory is not None:
        tasks = await expand_found(ports.storage, job_id, message.task_factory)
    call = partial(
        plan_job,
        job_id,
        message,
        workloads=ports.workloads,
        default_pool_id=ports.default_pool_id,
        factory_tasks=tasks,
        containers=ports.containers,
    )
    return await in_thread(ports.threads, message, call)


def _message_problems(ports: PreviewPorts, message: JobMessage) -> list[InvalidJobError]:
    return first_problems(message_problems(message, ports.check_callback))


def _plan(
    ports: PreviewPorts,
    job_id: str,
    message: JobMessage,
    tasks: FactoryTasks | None,
    limit: int,
    known: list[InvalidJobError],
) -> PlanPreview:
    """Return the preview of the plan, or its problems together with the `known` ones."""
    plan = None
    try:
        plan = plan_unchecked(
            job_id,
            message,
            workloads=ports.workloads,
            default_pool_id=ports.default_pool_id,
            factory_tasks=tasks,
            keep_streams=ports.keep_streams,
        )
        problems = first_problems([*known, *problems_of(message, plan, ports.containers)])
        if not problems:
            check_signatures(ports.storage, plan)
            measured = measure_plan(ports.storage, plan, limit)
            return msgspec.structs.replace(measured, warnings=command_warnings(message, plan))
    except InvalidJobError as error:
        problems = [*known, error if plan is None else in_message(message, plan, error)]
    return _refused(ports, job_id, message, problems)


def _refused(
    ports: PreviewPorts, job_id: str, message: JobMessage, problems: Sequence[InvalidJobError]
) -> PlanPreview:
    default = "" if message.auto_pool is not None else ports.default_pool_id
    shown = tuple(Problem.of(error) for error in first_problems(problems))
    return PlanPreview(
        job_id=job_id, pool_id=message.pool_id or default, tasks=len(message.tasks), problems=shown
    )
