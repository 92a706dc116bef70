"""Check a job: raise InvalidJobError for whatever can be known to be wrong with it before it is accepted."""

import asyncio

from batchmgr.errors import InvalidJobError
from batchmgr.plan.job_plan import JobPlan
from batchmgr.plan.problems import first_problems, raise_problems
from batchmgr.ports import Ports
from batchmgr.steps.check_message import has_tasks_to_plan, message_problems
from batchmgr.steps.expand_factory import expand_provisionally
from batchmgr.steps.keep_plan import load_plan
from batchmgr.steps.measure_plan import check_sizes
from batchmgr.steps.plan_job import in_message, plan
from batchmgr.steps.warn_of_signatures import check_signatures
from batchmgr.wire.job_message import JobMessage


async def check_job(ports: Ports, job_id: str, message: JobMessage) -> JobPlan:
    """Check the message, and plan its job as far as that needs no storage. Raise InvalidJobError for all
    that is wrong, up to twenty problems.

    The plan of a rerun is that of a job which was checked.
    Return the plan, which `keep_plan` may keep.
    """
    if message.rerun_of is not None:
        kept = await load_plan(ports, job_id, message.traceparent)
        if kept is None:
            raise InvalidJobError("the plan of this rerun is not in storage: run the job again")
        return kept
    # In threads: a small message can describe many tasks, and others wait for the event loop.
    found = await asyncio.to_thread(lambda: first_problems(message_problems(message, ports.callbacks.check)))
    if not has_tasks_to_plan(found):
        raise_problems(found)
    try:
        job_plan = await _plan(ports, job_id, message)
    except InvalidJobError as error:
        raise_problems([*found, error])
        raise
    raise_problems(found)
    return job_plan


async def _plan(ports: Ports, job_id: str, message: JobMessage) -> JobPlan:
    # Blobs are listed at submission only: until then, a job that was accepted stays the same job.
    factory, tasks = message.task_factory, None
    if factory is not None:
        tasks = await asyncio.to_thread(expand_provisionally, job_id, factory)
    job_plan = await plan(ports, job_id, message, ports.default_pool_id, tasks)
    try:
        check_signatures(ports.storage, job_plan)
        await asyncio.to_thread(check_sizes, ports.storage, job_plan)
    except InvalidJobError as error:
        raise in_message(message, job_plan, error) from error
    return job_plan
