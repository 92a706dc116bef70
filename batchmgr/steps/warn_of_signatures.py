"""A job may take longer than the signatures last with which its nodes reach storage.

Azure limits signatures that are made without a key to seven days, and tasks that are in Azure Batch can't be
given new ones. So a job that asks for more time than that is refused. One without a time limit goes on, and
somebody is told while there is time to act.
"""

import logging
from datetime import datetime, timedelta

from batchmgr.errors import InvalidJobError
from batchmgr.model.job_record import JobRecord
from batchmgr.plan.job_plan import JobPlan
from batchmgr.ports import Ports, Versioned
from batchmgr.steps.outbox import commit
from batchmgr.steps.plan_job import LONGEST_TASK
from batchmgr.storage_ports import NodeStorageView
from batchmgr.wire.events import signatures_event

logger = logging.getLogger(__name__)

MINUTE = timedelta(minutes=1)
NOTICE = timedelta(days=1)
"""How long before their end, if nothing says how long the job may take."""


def check_signatures(storage: NodeStorageView, plan: JobPlan) -> None:
    """Raise InvalidJobError if the time limit is longer than the signatures last that the nodes need."""
    longest, limit = storage.longest_signature(), plan.job.max_wall_clock_time
    if longest is None or limit is None or limit <= longest:
        return
    has_identity = plan.job.auto_pool is None
    for need in plan.container_needs:
        access = storage.unsigned_access(need, nodes_have_identity=has_identity)
        if not (access.identity_reference or need.only_blob or need.is_dispensable):
            raise InvalidJobError(
                f"must be at most PT{longest // MINUTE}M ({longest}): the nodes of this job reach storage by "
                "signatures, and without an account key Azure lets these last no longer. Give the nodes an "
                "identity (BATCHMGR_NODE_IDENTITY), or send the job in parts that take less time",
                field="maxWallClockTime",
            )


def warning_due(ends_at: datetime | None, limit: timedelta | None, now: datetime) -> datetime | None:
    """Return when to tell that the signatures end: at once if the job's time limit is longer, or a day ahead.

    None: its limit ends the job before, or there are no signatures.
    """
    if ends_at is None:
        return None
    if limit is None:
        return ends_at - NOTICE
    return now if min(limit, LONGEST_TASK) > ends_at - now else None


async def warn_of_signatures(ports: Ports, job: Versioned[JobRecord]) -> Versioned[JobRecord]:
    """Tell it once, if it is due."""
    record, now = job.value, ports.clock.now()
    ends_at, warn_at = record.run.signatures_end, record.run.warn_at
    if ends_at is None or warn_at is None or now < warn_at:
        return job
    logger.warning("job %s: the signatures of its nodes end at %s", record.job_id, ends_at)
    return await commit(ports, job, record.warned(), [signatures_event(record.job_id, ends_at, now)])
