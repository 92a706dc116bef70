"""What a job would be, for people and programs: the answer of `POST /plan` and of `batchmgr plan`."""

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import msgspec

from batchmgr.batch_bodies.files import Grants
from batchmgr.batch_bodies.job import job_body
from batchmgr.batch_bodies.task_collections import encoded_tasks, packed
from batchmgr.errors import InvalidJobError
from batchmgr.plan.job_plan import JobPlan

_SIGNATURE = re.compile(r"(?i)\b(sig)=[^&\s\"\\]+")


class Problem(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Why the job can't be accepted: what is wrong with which field of the message."""

    field: str
    reason: str

    @classmethod
    def of(cls, error: InvalidJobError) -> "Problem":
        """The problem that an error tells of."""
        return cls(field=error.field, reason=error.reason)


class PlanAnswer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a job would be.

    `tasks` counts all, the FinalizeTask too. `calls` are the requests that bring the job into Azure Batch;
    `bytes` the size of their bodies, and `largest_task_bytes` of the largest task, signatures estimated.
    `expanded_tasks` are the first tasks as they would be sent, without signatures. With `problems`, the job
    would not be accepted, and the figures are as far as they can be told.
    """

    job_id: str
    pool_id: str
    tasks: int = 0
    calls: int = 0
    bytes: int = 0
    largest_task_bytes: int = 0
    expanded_tasks: tuple[dict[str, Any], ...] = ()
    problems: tuple[Problem, ...] = ()


def plan_answer(plan: JobPlan, *, signed: Grants, unsigned: Grants, limit: int) -> PlanAnswer:
    """The answer for a plan. `signed` grants are as long as those that will be used; `limit` tasks are shown.

    Raises InvalidJobError for what Azure Batch can't be sent.
    """
    sizes: list[int] = []
    acts = plan.has_job_actions
    # Each as submission sends it: the job, the tasks, those that only wait, the FinalizeTask by itself, the
    # word that all is in. What a job manager task will decide on is not known yet.
    groups = [] if plan.awaits_tasks else [plan.tasks, plan.gathering_tasks, [plan.finalize_task]]
    bodies = [len(msgspec.json.encode(job_body(plan, signed, "0" * 64)))]
    for group in groups:
        bodies += map(len, packed(_noting(encoded_tasks(group, signed, has_job_actions=acts), sizes)))
    bodies.append(len(b'{"onAllTasksComplete":"terminatejob"}'))
    shown_tasks = islice((task for group in groups for task in group), limit)
    shown = encoded_tasks(shown_tasks, unsigned, has_job_actions=acts)
    return PlanAnswer(
        job_id=plan.job_id,
        pool_id=plan.job.pool_id,
        tasks=plan.total,
        calls=len(bodies),
        bytes=sum(bodies),
        largest_task_bytes=max(sizes, default=0),
        expanded_tasks=tuple(msgspec.json.decode(_SIGNATURE.sub(r"\1=…", body.decode())) for body in shown),
    )


def _noting(parts: Iterable[bytes], sizes: list[int]) -> Iterator[bytes]:
    for part in parts:
        sizes.append(len(part))
        yield part
