"""The answer of `POST /plan` and of `batchmgr plan`: what a job would be, or what is wrong with it."""

from typing import Any

import msgspec

from batchmgr.errors import InvalidJobError
from batchmgr.model.size_limits import MESSAGE
from batchmgr.plan.cut_text import cut


class Problem(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One reason why the job would be refused, or a warning, and the field of the message that is meant."""

    field: str
    reason: str

    @classmethod
    def of(cls, error: InvalidJobError) -> "Problem":
        """Return the problem that an error describes."""
        return cls(field=cut(error.field, MESSAGE), reason=cut(error.reason, MESSAGE))


class PlanPreview(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a job would be.

    `tasks` counts all Batch tasks, batchmgr's own among them. `calls` is the number of requests that submit
    the job to Azure Batch, `bytes` the size of their bodies, and `largest_task_bytes` the size of the largest
    task; the length of signatures is an estimate. `expanded_tasks` are the first tasks as they would be sent,
    without signatures. If there are `problems`, the job would be refused, and the figures are incomplete.
    `warnings` are about a job that would be accepted, but may do something else than its sender means.
    """

    job_id: str
    pool_id: str
    tasks: int = 0
    calls: int = 0
    bytes: int = 0
    largest_task_bytes: int = 0
    expanded_tasks: tuple[dict[str, Any], ...] = ()
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
