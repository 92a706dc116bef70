"""What the submission of a plan would send to Azure Batch: how many calls, how many bytes, which tasks."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice

import msgspec

from batchmgr.batch_bodies.job_body import job_body
from batchmgr.batch_bodies.kept_streams import KeptStreams
from batchmgr.batch_bodies.task_collections import encode_tasks, pack_collections
from batchmgr.factories.factory_tasks import check_bytes
from batchmgr.model.container_access import StorageAccess
from batchmgr.model.size_limits import MAX_PAGE
from batchmgr.plan.job_plan import JobPlan, TaskPlan
from batchmgr.storage_ports import NodeStorageView
from batchmgr.wire.plan_preview import PlanPreview

SIGNATURE = "s" * 150
"""As long as a shared access signature may be."""

_SIGNATURE = re.compile(r"(?i)\b(sig)=[^&\s\"\\]+")


def check_sizes(storage: NodeStorageView, plan: JobPlan) -> None:
    """Raise InvalidJobError for a task that is larger than Azure Batch accepts, or for too much in all."""
    signed = _signed(_unsigned_access(storage, plan))
    encode = partial(encode_tasks, has_job_actions=plan.has_job_actions, kept=KeptStreams.of(plan, signed))
    largest = max(map(len, encode(plan.stand_ins, signed)), default=0)
    if plan.examples:
        check_bytes(largest, len(plan.tasks))
    for group in (plan.gathering_tasks, [plan.finalize_task]):
        for _ in encode(group, signed):
            pass


def measure_plan(storage: NodeStorageView, plan: JobPlan, limit: int) -> PlanPreview:
    """Return the preview of a plan, with its first `limit` tasks, or as many as an answer holds.

    The tasks are shown without signatures. Raise InvalidJobError for what Azure Batch can't be sent.
    """
    unsigned = _unsigned_access(storage, plan)
    signed = _signed(unsigned)
    sizes: list[int] = []
    encode = partial(encode_tasks, has_job_actions=plan.has_job_actions)
    groups, kept = _groups(plan), KeptStreams.of(plan, signed)
    bodies = [len(msgspec.json.encode(job_body(plan, signed, "0" * 64)))]
    for group in groups:
        encoded = _noting_sizes(encode(group, signed, kept=kept), sizes)
        bodies += (len(collection.body) for collection in pack_collections(encoded))
    bodies.append(len(b'{"onAllTasksComplete":"terminatejob"}'))
    shown_tasks = islice((task for group in groups for task in group), limit)
    shown = encode(shown_tasks, unsigned, kept=KeptStreams.of(plan, unsigned))
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


def _groups(plan: JobPlan) -> list[Sequence[TaskPlan]]:
    """Return the tasks as submission sends them. What a job manager task will plan is not known yet.

    Before them comes the job, after them the change that lets the job complete.
    """
    return [] if plan.awaits_tasks else [plan.tasks, plan.gathering_tasks, [plan.finalize_task]]


def _unsigned_access(storage: NodeStorageView, plan: JobPlan) -> StorageAccess:
    has_identity = plan.job.auto_pool is None
    return {
        need: storage.unsigned_access(need, nodes_have_identity=has_identity) for need in plan.container_needs
    }


def _signed(unsigned: StorageAccess) -> StorageAccess:
    """Return the access with signatures of the length that real ones will have."""
    return {
        need: access if access.identity_reference else replace(access, query=SIGNATURE)
        for need, access in unsigned.items()
    }


def _noting_sizes(parts: Iterable[bytes], sizes: list[int]) -> Iterator[bytes]:
    for part in parts:
        sizes.append(len(part))
        yield part
