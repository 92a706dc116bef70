"""Run tasks of a job that has ended again, as a new job. The same call again is the same job.

The plan is that of the first job, so a workload's `create_job` does not run. It is kept for the new job: see
`plan_rerun`.
"""

import asyncio
import hashlib
import re

from msgspec.structs import replace

from batchmgr.errors import InvalidJobError, JobNotFoundError, NotPossibleError
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_states import JobState
from batchmgr.plan.job_plan import JobPlan
from batchmgr.plan.problems import raise_problems
from batchmgr.ports import Ports
from batchmgr.steps.check_message import webhook_problems
from batchmgr.steps.earlier_tasks import keep_earlier_tasks, succeeded_tasks
from batchmgr.steps.files_use import hold_files
from batchmgr.steps.keep_plan import find_plan
from batchmgr.steps.outbox import load, retry_on_conflict
from batchmgr.steps.plan_rerun import plan_rerun, tasks_to_rerun
from batchmgr.usecases.accept import accept
from batchmgr.wire.job_message import JobMessage, RerunOf
from batchmgr.wire.rerun_request import RerunRequest

_RERUN = re.compile(r"(?P<first>.+)-rerun-(?P<number>[0-9]{1,9})")
_LONGEST_FIRST = 38
"""How much of the id of a first job is in the id of its rerun, if all of it is too long."""


def rerun_id(job_id: str) -> str:
    """Return the id of the next rerun of a job: the same for the same job.

    >>> rerun_id("a"), rerun_id("a-rerun-1"), len(rerun_id("b" * 64))
    ('a-rerun-1', 'a-rerun-2', 58)
    """
    match = _RERUN.fullmatch(job_id)
    first, number = (match["first"], int(match["number"]) + 1) if match else (job_id, 1)
    made = f"{first}-rerun-{number}"
    if len(made) <= 64:
        return made
    digest = hashlib.sha256(job_id.lower().encode()).hexdigest()[:11]
    return f"{first[:_LONGEST_FIRST]}-{digest}-rerun-{number}"


@retry_on_conflict
async def rerun(
    ports: Ports, job_id: str, request: RerunRequest, *, new_id: str = "", traceparent: str = ""
) -> JobRecord:
    """Accept a job of the tasks of this one that the request names, under the id of the request, or `new_id`.

    Raise JobNotFoundError, JobConflictError if that id is another job's, InvalidJobError for a callback or
    webhook that may not be called, and NotPossibleError, which says why this job can't be run again.
    """
    first = (await load(ports, job_id)).value
    if not first.state.is_final:
        raise NotPossibleError(first.job_id, f"is {first.state}: it can be run again when it has ended.")
    if request.tasks == "failed" and first.state is JobState.SUCCEEDED:
        raise NotPossibleError(
            first.job_id,
            'has succeeded, so no task has failed. To run all of it again, send {"tasks": "all"}.',
        )
    try:
        message = await ports.jobs.load_request(first.job_id)
    except JobNotFoundError as error:
        why = "can't be run again: its message is no longer in storage. Send it again under another jobId."
        raise NotPossibleError(first.job_id, why) from error
    if request.call_back_uri:
        ports.callbacks.check(request.call_back_uri)
    raise_problems(webhook_problems(request.webhooks or (), ports.callbacks.check))
    new_id = request.job_id or new_id or rerun_id(first.job_id)
    plan = await _plan(ports, first, request, new_id)
    for holder in {first.job_id, plan.files_job_id}:
        await hold_files(ports, holder, new_id)
    again = _message(first, message, plan, request, traceparent)
    return await accept(ports, new_id, again, plan)


async def _plan(ports: Ports, first: JobRecord, request: RerunRequest, new_id: str) -> JobPlan:
    before = await find_plan(ports, first)
    if before is None or before.awaits_tasks:
        raise NotPossibleError(
            first.job_id,
            "can't be run again: it was never planned, or its plan is gone. Send it under another jobId.",
        )
    succeeded = frozenset[str]() if request.tasks == "all" else await succeeded_tasks(ports, first)
    if succeeded is None:
        raise NotPossibleError(
            first.job_id,
            "can't be run again in part: neither its log nor Azure Batch knows any more which tasks have "
            'succeeded. To run all of it again, send {"tasks": "all"}.',
        )
    # In threads: the tasks may be many, and they are made or read while they are looked through.
    chosen = await asyncio.to_thread(tasks_to_rerun, before, succeeded)
    try:
        plan = await asyncio.to_thread(plan_rerun, new_id, before, chosen, ports.containers)
    except InvalidJobError as error:
        raise NotPossibleError(first.job_id, f"can't be run again as it is: {error}") from error
    await keep_earlier_tasks(ports, new_id, plan, before, chosen)
    return plan


def _message(
    first: JobRecord, message: JobMessage, plan: JobPlan, request: RerunRequest, traceparent: str
) -> JobMessage:
    """Return the message of a rerun. Its plan is kept, so it need not describe the tasks."""
    uri = message.call_back_uri if request.call_back_uri is None else request.call_back_uri
    webhooks = message.webhooks if request.webhooks is None else request.webhooks
    return replace(
        message,
        inputs={},
        tasks=(),
        task_factory=None,
        job_manager_task=None,
        pool_id=plan.job.pool_id,
        call_back_uri=uri,
        webhooks=webhooks,
        traceparent=traceparent,
        rerun_of=RerunOf(job_id=first.job_id, tasks=request.tasks),
    )
