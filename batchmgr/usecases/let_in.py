"""Let jobs in that wait in the line for the quota of active jobs.

Whoever sees a place become free lets the next job in, at once and by itself: a message would take up to two
seconds. Places also become free unseen, because the quota counts the jobs of others, and processes die. So
each poll tries the head of the line, and lets in as many as Azure Batch takes.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from batchmgr.errors import JobNotFoundError, RecordChangedError, ServiceBusyError
from batchmgr.model.job_record import JobRecord
from batchmgr.model.ticket import Ticket
from batchmgr.ports import Ports
from batchmgr.steps.batch_job import END_PAUSES, find_own_job
from batchmgr.steps.line import Turn
from batchmgr.steps.obstacles import attempt
from batchmgr.usecases.submit import submit_next

logger = logging.getLogger(__name__)

MOST_AT_ONCE = 8
"""How many jobs are submitted at once, if many places are free. It is begun with one, and then doubled: so a
full account refuses one job, and not many."""

MOST_IN_A_ROUND = 100
"""How many jobs one poll lets in, and how many tickets it looks at. The next poll goes on."""

MOST_PASSED = 20
"""Among how many tickets a job is looked for that nobody else submits, for one place."""

SECONDS = 30
"""How long one process lets jobs in. A submission that is stopped by that goes on half a minute later."""


async def let_in(ports: Ports) -> None:
    """Let in the first jobs of the line, until Azure Batch refuses one. Raise nothing."""
    try:
        async with asyncio.timeout(SECONDS):
            tickets = await ports.line.first(limit=MOST_IN_A_ROUND)
            await _submit_first(ports, tickets, most=len(tickets))
    except Exception as error:
        logger.warning("the line is left to the next poll: %s", error, exc_info=error)


@asynccontextmanager
async def filling_the_place(ports: Ports, record: JobRecord) -> AsyncIterator[asyncio.Task[None]]:
    """Meanwhile, let the next job in as soon as the Batch job of this one no longer counts.

    The task that does so may be cancelled, if the job turns out not to have ended.
    """
    filling = asyncio.create_task(_fill_place(ports, record))
    try:
        yield filling
    except asyncio.CancelledError:
        filling.cancel()
        raise
    finally:
        await asyncio.gather(filling, return_exceptions=True)


async def _fill_place(ports: Ports, record: JobRecord) -> None:
    try:
        async with asyncio.timeout(SECONDS):
            tickets = await ports.line.first(limit=MOST_PASSED)
            if tickets and await _is_free(ports, record):
                await _submit_first(ports, tickets, most=1)
    except Exception as error:
        logger.warning("the place of job %s is left to the next poll: %s", record.job_id, error)


async def _is_free(ports: Ports, record: JobRecord) -> bool:
    """Wait until the Batch job of a record no longer counts, up to 20 seconds. Return whether it does not."""
    for pause in END_PAUSES:
        batch_job = await find_own_job(ports, record)
        if batch_job is None or batch_job.state == "completed":
            return True
        await ports.clock.sleep(pause)
    return False


async def _submit_first(ports: Ports, tickets: Sequence[Ticket], most: int) -> None:
    """Submit the jobs of the first tickets, `most` of them, until Azure Batch refuses one."""
    waiting, at_once = list(tickets), 1
    while waiting and most > 0:
        some, waiting = waiting[:at_once], waiting[at_once:]
        turns = await asyncio.gather(*(_try(ports, ticket) for ticket in some))
        if Turn.REFUSED in turns:
            return
        number = turns.count(Turn.LET_IN)
        most -= number
        at_once = max(1, min(2 * number, MOST_AT_ONCE, most))


async def _try(ports: Ports, ticket: Ticket) -> Turn:
    """Submit the job of a ticket. Remove a ticket whose job does not wait."""
    turn = Turn.PASSED

    async def try_one(ports: Ports, job_id: str) -> None:
        nonlocal turn
        turn = await submit_next(ports, job_id, ticket)

    try:
        await attempt(ports, ticket.key, "submit", try_one)
    except JobNotFoundError:
        await ports.line.leave(ticket)
    except RecordChangedError:
        pass  # others work on it
    except ServiceBusyError as error:
        logger.warning("job %s waits on in the line: %s", ticket.key, error)
        return Turn.REFUSED
    return turn
