"""Check a job: raise InvalidJobError for whatever can be known to be wrong with it before it is accepted."""

import asyncio

from batchmgr.ports import Ports
from batchmgr.steps.check_message import check_message
from batchmgr.steps.expand_factory import expand_provisionally
from batchmgr.steps.plan_job import plan
from batchmgr.wire.job_message import JobMessage


async def check_job(ports: Ports, job_id: str, message: JobMessage) -> None:
    """Check the message, and plan its job as far as that needs no storage. Raise InvalidJobError."""
    check_message(message, ports.callbacks.check)
    # Blobs are listed at submission only: until then, a job that was accepted stays the same job.
    expanded = await asyncio.to_thread(expand_provisionally, message)
    await plan(ports, job_id, expanded, ports.default_pool_id)
