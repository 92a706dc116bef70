"""Those who wait for what happens to jobs, inside this process.

Each job that anybody waits for has one task, which asks for the record again and again, as long as anybody
waits: so a hundred who wait for one job cost no more than one. What has not changed is not read.
"""

import asyncio
import logging
from contextvars import Context
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self

from batchmgr.errors import JobNotFoundError, ServiceBusyError, ServiceError
from batchmgr.model.active_job import is_polled_rarely
from batchmgr.model.job_record import JobRecord
from batchmgr.plan.ids import job_key
from batchmgr.ports import Clock, JobStore, Versioned

PAUSE = timedelta(seconds=1)
LATER_PAUSE = timedelta(seconds=2)
"""How long between two looks at a record: until it has not changed for a while, and from then on."""

AT_REST = timedelta(seconds=10)
"""How long a record has not changed that is looked at in longer pauses."""

FOLLOWED = timedelta(seconds=90)
"""For how long the poller is told that somebody waits. In the second half of it, it is told again."""

STOPPED = "the app is being stopped: send the request again"

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class _Follower:
    """Somebody who knows the record with this ETag.

    A look that began before `first_look` may have found an older record.
    """

    etag: str
    first_look: int
    answer: asyncio.Future[tuple[JobRecord, str]]


@dataclass
class _Followed:
    """A job that somebody waits for: its newest record, and how many looks at it have begun."""

    job: Versioned[JobRecord]
    changed_at: datetime
    tell_at: datetime
    looks: int = 0
    followers: set[_Follower] = field(default_factory=set)
    task: asyncio.Task[None] | None = None

    def fail(self, error: Exception) -> None:
        """Have all who wait raise this error."""
        for follower in self.followers:
            if not follower.answer.done():
                follower.answer.set_exception(error)


class JobFollowers:
    """The Followers port. When it is closed, nobody waits any longer: who does is told to ask again."""

    def __init__(self, jobs: JobStore, clock: Clock) -> None:
        self._is_closed = False
        self._jobs = jobs
        self._clock = clock
        self._followed: dict[str, _Followed] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        self._is_closed = True
        followed = list(self._followed.values())
        for one in followed:
            one.fail(ServiceBusyError(STOPPED))
            if one.task is not None:
                one.task.cancel()
        await asyncio.gather(*(one.task for one in followed if one.task), return_exceptions=True)

    async def changed(self, record: JobRecord, etag: str) -> tuple[JobRecord, str]:
        """Wait until a look at the record finds another one. The last who waits ends the looks."""
        if self._is_closed:
            raise ServiceBusyError(STOPPED)
        key = job_key(record.job_id)
        followed = self._followed.get(key) or self._begin(key, Versioned(value=record, etag=etag))
        answer: asyncio.Future[tuple[JobRecord, str]] = asyncio.get_running_loop().create_future()
        follower = _Follower(etag, followed.looks + 1, answer)
        followed.followers.add(follower)
        try:
            return await answer
        finally:
            followed.followers.discard(follower)
            if not followed.followers:
                self._end(key, followed)

    def _begin(self, key: str, job: Versioned[JobRecord]) -> _Followed:
        now = self._clock.now()
        followed = self._followed[key] = _Followed(job=job, changed_at=now, tell_at=now)
        # It serves many calls: the trace of the first one is not its own.
        followed.task = asyncio.create_task(self._look_again_and_again(followed), context=Context())
        return followed

    def _end(self, key: str, followed: _Followed) -> None:
        if self._followed.get(key) is followed:
            del self._followed[key]
        if followed.task is not None:
            followed.task.cancel()

    async def _look_again_and_again(self, followed: _Followed) -> None:
        while True:
            await self._tell_poller(followed)
            is_at_rest = self._clock.now() - followed.changed_at >= AT_REST
            await self._clock.sleep(LATER_PAUSE if is_at_rest else PAUSE)
            followed.looks += 1
            try:
                await self._look(followed)
            except Exception as error:  # those who wait have to know
                followed.fail(error)

    async def _look(self, followed: _Followed) -> None:
        """Look at the record, and answer those who do not know it. Raise JobNotFoundError."""
        known = followed.job
        try:
            found = await self._jobs.load_changed(known.value.job_id, known.etag)
        except JobNotFoundError:
            raise
        except ServiceError as error:  # who waits asks again in any case
            logger.warning("job %s is looked at again: %s", known.value.job_id, error)
            return
        if found is not None:
            followed.job, followed.changed_at = found, self._clock.now()
        for follower in followed.followers:
            is_new = follower.etag != followed.job.etag and follower.first_look <= followed.looks
            if is_new and not follower.answer.done():
                follower.answer.set_result((followed.job.value, followed.job.etag))

    async def _tell_poller(self, followed: _Followed) -> None:
        """Have a job that is polled rarely looked at by each poll, for some time. Raise nothing."""
        record, now = followed.job.value, self._clock.now()
        if now < followed.tell_at or not is_polled_rarely(record, now):
            return
        followed.tell_at = now + FOLLOWED / 2
        try:
            await self._jobs.activate(record.job_id, followed_until=now + FOLLOWED)
        except ServiceError as error:
            logger.warning("job %s is polled later: %s", record.job_id, error)
