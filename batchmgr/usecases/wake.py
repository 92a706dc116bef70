"""Wake a job that is polled in long pauses, because somebody asks for it."""

import logging

from batchmgr.errors import ServiceError
from batchmgr.model.active_job import is_polled_rarely
from batchmgr.model.job_record import JobRecord
from batchmgr.ports import Ports

logger = logging.getLogger(__name__)


async def wake(ports: Ports, record: JobRecord) -> None:
    """Have the job looked at with the next poll, if it runs and has not changed for long. Raise nothing."""
    if not is_polled_rarely(record, ports.clock.now()):
        return
    try:
        await ports.jobs.activate(record.job_id)
    except ServiceError as error:
        logger.warning("job %s is polled later: %s", record.job_id, error)
