"""Preview: what a job would be, and all that is wrong with it. Nothing is stored, sent or made."""

import asyncio
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from batchmgr.adapters.workload_registry import WorkloadRegistry
from batchmgr.batch_bodies.files import ContainerGrant
from batchmgr.errors import InvalidJobError, ServiceError
from batchmgr.factories.make_tasks import SOURCE
from batchmgr.ports import NodeStorageView
from batchmgr.steps.expand_factory import expand_found
from batchmgr.steps.plan_job import lay_out_job, problems_of
from batchmgr.wire.job_message import JobMessage
from batchmgr.wire.job_rules import broken_rules
from batchmgr.wire.plan_preview import PlanAnswer, Problem, plan_answer

MAX_PROBLEMS = 20
_NO_TASKS = ("workload", "taskFactory")
"""Fields that leave a job without tasks to plan when there is something wrong with them."""

UNNAMED = "new-job"
"""The id that a job is shown under where its own is made up only when it is sent."""

SIGNATURE = "s" * 150
"""As long as a shared access signature may be."""


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a job is planned for: none of it can be used to change anything.

    `check_callback` raises InvalidJobError for a callback URI that may not be used.
    """

    storage: NodeStorageView
    workloads: WorkloadRegistry
    default_pool_id: str
    check_callback: Callable[[str], None]


async def preview(around: Surroundings, job_id: str, message: JobMessage, limit: int) -> PlanAnswer:
    """What the message would become under this id, with its first `limit` tasks, or what is wrong with it.

    Raises ServiceBusyError where blobs have to be listed and can't be now.
    """
    answer = PlanAnswer(job_id=job_id, pool_id=_pool_of(message, around))
    problems = _first(_known_at_once(around, message))
    if not any(problem.field.startswith("taskFactory") for problem in problems):
        try:
            message = await expand_found(around.storage, message)
        except InvalidJobError as error:
            problems.append(error)
        except ServiceError as error:
            if error.retryable:
                raise
            problems.append(InvalidJobError(str(error), field=SOURCE))
    if not any(problem.field.partition(".")[0] in _NO_TASKS for problem in problems):
        return await asyncio.to_thread(_plan, around, job_id, message, limit, problems)
    return replace(answer, tasks=len(message.tasks), problems=_told(problems))


def _plan(
    around: Surroundings, job_id: str, message: JobMessage, limit: int, known: list[InvalidJobError]
) -> PlanAnswer:
    """The plan, or what is wrong with it beside the `known` problems."""
    answer = PlanAnswer(job_id=job_id, pool_id=_pool_of(message, around))
    try:
        plan = lay_out_job(
            job_id, message, workloads=around.workloads, default_pool_id=around.default_pool_id
        )
        problems = _first([*known, *_first(problems_of(message, plan))])
        if not problems:
            unsigned = {
                need: around.storage.unsigned_grant(need, nodes_have_identity=plan.job.auto_pool is None)
                for need in plan.container_needs
            }
            signed = {need: _signed(grant) for need, grant in unsigned.items()}
            return plan_answer(plan, signed=signed, unsigned=unsigned, limit=limit)
    except InvalidJobError as error:
        problems = [*known, error]
    return replace(answer, tasks=len(message.tasks), problems=_told(problems))


def _pool_of(message: JobMessage, around: Surroundings) -> str:
    """The pool that the message names, else the default; empty for an auto pool."""
    return message.pool_id or ("" if message.auto_pool is not None else around.default_pool_id)


def _told(problems: Sequence[InvalidJobError]) -> tuple[Problem, ...]:
    return tuple(Problem.of(error) for error in problems[:MAX_PROBLEMS])


def _signed(grant: ContainerGrant) -> ContainerGrant:
    return grant if grant.identity_reference else dataclasses.replace(grant, query=SIGNATURE)


def _known_at_once(around: Surroundings, message: JobMessage) -> Iterator[InvalidJobError]:
    yield from broken_rules(message)
    try:
        if message.call_back_uri:
            around.check_callback(message.call_back_uri)
    except InvalidJobError as error:
        yield error


def _first(problems: Iterable[InvalidJobError]) -> list[InvalidJobError]:
    """The first problems, each field and reason once: many tasks of a factory may share one."""
    told: dict[tuple[str, str], InvalidJobError] = {}
    for problem in problems:
        told.setdefault((problem.field, problem.reason), problem)
        if len(told) == MAX_PROBLEMS:
            break
    return list(told.values())
