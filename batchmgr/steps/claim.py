"""A claim on a job: only one process at a time does its long work.

The claim is kept in the record, with the time at which it lapses. Its holder renews it while it works, every
eight seconds. If the process dies, the claim lapses within half a minute, and the next process takes over.

Others may still save the record: to cancel the job, or to finalize it. The holder notices when it saves next.

A finalization takes a minute at most, so its claim is made for that time and is not renewed.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

from batchmgr.errors import BatchmgrError, RecordChangedError
from batchmgr.model.cloud_event import Event
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_record_parts import Claim
from batchmgr.ports import Ports, Versioned
from batchmgr.steps.outbox import commit, load, retry_on_conflict

logger = logging.getLogger(__name__)

CLAIM_TIME = timedelta(seconds=30)
"""How long a claim lasts after it was renewed. A job whose process has died goes on within a minute."""

RENEWAL_PAUSE = timedelta(seconds=8)

SAVE_ATTEMPTS = 10

Change = Callable[[JobRecord], JobRecord]
EventsOf = Callable[[JobRecord], Sequence[Event]]


def no_events(record: JobRecord) -> Sequence[Event]:
    """Return no events: for a change that nobody need know of."""
    return ()


class ClaimedJob:
    """A job that this process works on. Every change of its record goes through `save`."""

    def __init__(self, ports: Ports, job: Versioned[JobRecord], holder: str) -> None:
        self._ports = ports
        self._job = job
        self._holder = holder
        self._saving = asyncio.Lock()

    @property
    def record(self) -> JobRecord:
        """Return the record as this process has saved it last."""
        return self._job.value

    async def save(self, change: Change, events_of: EventsOf = no_events) -> None:
        """Change the record, and publish the events of the changed record.

        If somebody else has saved the record in the meantime, the change is made again on the new one. Raise
        RecordChangedError if the claim is lost, or if the job was cancelled or has gone on to another state.
        """
        async with self._saving:
            for _ in range(SAVE_ATTEMPTS):
                try:
                    record = change(self._job.value)
                    self._job = await commit(self._ports, self._job, record, events_of(record))
                except RecordChangedError:
                    await self._reload()
                else:
                    return
            raise RecordChangedError(f"the record of job {self.record.job_id!r} keeps changing")

    async def renew(self) -> None:
        """Renew the claim."""
        await self.save(lambda record: record.claimed(self._ports.clock.now(), self._claim()))

    async def release(self) -> None:
        """Give the claim back, so that the next process need not wait until it lapses."""
        await release(self._ports, self.record.job_id, self._holder)

    async def keep_renewing(self) -> None:
        """Renew the claim again and again, until this is cancelled or the claim is lost."""
        while True:
            await self._ports.clock.sleep(RENEWAL_PAUSE)
            try:
                await self.renew()
            except RecordChangedError:
                return  # the work will find out when it saves
            except BatchmgrError as error:
                logger.warning("the claim on job %s could not be renewed: %s", self.record.job_id, error)

    async def _reload(self) -> None:
        before = self.record
        self._job = await load(self._ports, before.job_id)
        after = self.record
        is_mine = after.claim is not None and after.claim.holder == self._holder
        if not is_mine or after.state is not before.state or after.must_end:
            raise RecordChangedError(
                f"job {before.job_id!r} was taken over, cancelled, given up or finalized"
            )

    def _claim(self) -> Claim:
        return Claim(holder=self._holder, until=self._ports.clock.now() + CLAIM_TIME)


def new_holder(ports: Ports) -> str:
    """Return a name for one process that is going to work on a job."""
    return f"{ports.clock.randomness():020x}"


async def release(ports: Ports, job_id: str, holder: str) -> None:
    """Give a job back that `holder` works on, so that the next one need not wait for it."""
    with suppress(BatchmgrError):
        await _release(ports, job_id, holder)


@retry_on_conflict
async def _release(ports: Ports, job_id: str, holder: str) -> None:
    job = await ports.jobs.load(job_id)
    if job.value.claim is not None and job.value.claim.holder == holder:
        await ports.jobs.save(job.value.released(), job.etag)


@asynccontextmanager
async def claimed(
    ports: Ports, job: Versioned[JobRecord], change: Change, events_of: EventsOf
) -> AsyncIterator[ClaimedJob]:
    """Claim a job that nobody works on, together with a first change, and renew the claim meanwhile.

    Raise RecordChangedError if another process was first. If the work raises an error, the claim is given
    back; a process that is killed leaves it to lapse.
    """
    holder = new_holder(ports)
    now = ports.clock.now()
    record = change(job.value).claimed(now, Claim(holder=holder, until=now + CLAIM_TIME))
    try:
        mine = ClaimedJob(ports, await _take(ports, job, record, events_of(record)), holder)
    except Exception:
        await release(ports, record.job_id, holder)
        raise
    renewal = asyncio.create_task(mine.keep_renewing())
    try:
        yield mine
    except Exception:
        await mine.release()
        raise
    finally:
        renewal.cancel()


async def _take(
    ports: Ports, job: Versioned[JobRecord], record: JobRecord, events: Sequence[Event]
) -> Versioned[JobRecord]:
    """Save the record with its claim, which also holds if another process publishes the events first.

    The claim is saved again with each change, at the latest when it is renewed.
    """
    try:
        return await commit(ports, job, record, events, is_saved_soon=True)
    except RecordChangedError:
        job = await load(ports, record.job_id)
        if job.value.claim != record.claim:
            raise
        return job
