"""What the submission of a plan would send to Azure Batch: how many calls, how many bytes, which tasks."""

import re
from collections.abc import Iterable, Iterator
from itertools import islice

import msgspec

from batchmgr.batch_bodies.job_body import job_body
from batchmgr.batch_bodies.task_collections import encode_tasks, pack_collections
from batchmgr.model.container_access import StorageAccess
from batchmgr.model.size_limits import MAX_PAGE
from batchmgr.plan.job_plan import JobPlan
from batchmgr.wire.plan_preview import PlanPreview

_SIGNATURE = re.compile(r"(?i)\b(sig)=[^&\s\"\\]+")


def measure_plan(plan: JobPlan, *, signed: StorageAccess, unsigned: StorageAccess, limit: int) -> PlanPreview:
    """Return the preview of a plan, with its first `limit` tasks, or as many as an answer holds.

    `signed` holds signatures of the length that real ones will have; the tasks are shown as `unsigned`. Raise
    InvalidJobError for what Azure Batch can't be sent.
    """
    sizes: list[int] = []
    acts = plan.has_job_actions
    # As submission sends it: the job, the tasks, the gathering tasks, the FinalizeTask, the change that lets
    # the job complete. What a job manager task will plan is not known yet.
    groups = [] if plan.awaits_tasks else [plan.tasks, plan.gathering_tasks, [plan.finalize_task]]
    bodies = [len(msgspec.json.encode(job_body(plan, signed, "0" * 64)))]
    for group in groups:
        bodies += map(
            len, pack_collections(_noting_sizes(encode_tasks(group, signed, has_job_actions=acts), sizes))
        )
    bodies.append(len(b'{"onAllTasksComplete":"terminatejob"}'))
    shown_tasks = islice((task for group in groups for task in group), limit)
    shown = encode_tasks(shown_tasks, unsigned, has_job_actions=acts)
    return PlanPreview(
        job_id=plan.job_id,
        pool_id=plan.job.pool_id,
        tasks=plan.total,
        calls=len(bodies),
        bytes=sum(bodies),
        largest_task_bytes=max(sizes, default=0),
        expanded_tasks=tuple(
            msgspec.json.decode(_SIGNATURE.sub(r"\1=…", body.decode())) for body in _first(shown, MAX_PAGE)
        ),
    )


def _first(bodies: Iterable[bytes], room: int) -> Iterator[bytes]:
    for body in bodies:
        room -= len(body)
        if room < 0:
            return
        yield body


def _noting_sizes(parts: Iterable[bytes], sizes: list[int]) -> Iterator[bytes]:
    for part in parts:
        sizes.append(len(part))
        yield part
