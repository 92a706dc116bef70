"""The ports of the queues. `ports` has the others, and all of them together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from batchmgr.model.active_job import ActiveJob
from batchmgr.model.cloud_event import Event
from batchmgr.model.dead_letter import DeadLetter

MOST_LETTERS = 5000
"""How many dead letters are kept: as many as one call to storage lists."""


class EventSink(Protocol):
    """Where events are sent: the progress queue. It is a convenience: no job waits for it."""

    async def send(self, events: Sequence[Event]) -> None:
        """Send events, each at least once. Leave out those of more than 48 KiB; the log has them.

        Raise ServiceError if not all could be sent. It takes 5 seconds at most.
        """
        ...

    async def check(self) -> None:
        """Raise ServiceError if events can't be sent now."""
        ...


class JobQueue(Protocol):
    """The queues by which batchmgr calls its own functions, and their poison queues."""

    async def enqueue_submission(self, job_id: str, delay: timedelta = timedelta(0)) -> None:
        """Have a stored job submitted after `delay`, which is at most 7 days."""
        ...

    async def enqueue_callback(self, job_id: str, delay: timedelta = timedelta(0)) -> None:
        """Have the callback of an ended job delivered after `delay`."""
        ...

    async def enqueue_finalize(self, job_id: str, attempts: int, delay: timedelta) -> None:
        """Have a job finalized after `delay`. `attempts` is how often that has failed."""
        ...

    async def enqueue_polls(self, jobs: Sequence[ActiveJob]) -> None:
        """Have these active jobs polled by any instance of the app, within a minute or not at all."""
        ...

    async def enqueue_long_poll(self, job_id: str) -> None:
        """Have one active job polled that takes long."""
        ...

    async def polls_waiting(self) -> int:
        """Return about how many messages have not led to a poll yet."""
        ...

    async def dead_letter_request(self, body: bytes) -> None:
        """Put a job request that can't be used into the poison queue, as it came."""
        ...

    async def dead_letter_callback(self, job_id: str) -> None:
        """Put a callback that can't be delivered into the poison queue."""
        ...


class PoisonQueue(StrEnum):
    """The poison queues whose messages batchmgr looks at."""

    REQUESTS = "batchmgr-job-requests-poison"
    CALLBACKS = "batchmgr-callbacks-poison"
    FINALIZE = "batchmgr-finalize-poison"
    BLOBS = "webjobs-blobtrigger-poison"


@dataclass(frozen=True, kw_only=True)
class PoisonMessage:
    """A message that was taken from a poison queue, with its body as it came, and when it came there."""

    queue: PoisonQueue
    id: str
    body: bytes
    inserted_at: datetime
    receipt: str = ""


class PoisonQueues(Protocol):
    """The queues of messages that the Functions host has given up, or batchmgr itself."""

    async def counts(self) -> Mapping[str, int]:
        """Return how many messages lie in which queue, without the empty ones."""
        ...

    async def undecided(self, queue: PoisonQueue) -> Sequence[PoisonMessage]:
        """Take the messages of a queue, except those that this process has decided to keep.

        They are hidden from others for a minute. A queue that does not exist is an empty one.
        """
        ...

    async def put_back(self, message: PoisonMessage) -> None:
        """Send a job request to the queue that it came from, as it is. It stays in the poison queue too."""
        ...

    async def remove(self, message: PoisonMessage) -> None:
        """Remove a message. Do nothing if somebody else has removed it."""
        ...

    async def keep(self, message: PoisonMessage) -> None:
        """Leave a message in the queue, and let others see it again."""
        ...


class DeadLetters(Protocol):
    """What batchmgr has given up or could not use, each with its reason and time. The newest comes first."""

    async def add(self, letter: DeadLetter) -> None:
        """Keep a letter, unless one of its id is kept. The oldest of more than 5,000 go."""
        ...

    async def remove(self, letter_id: str) -> None:
        """Remove a letter. Do nothing if it is not there."""
        ...

    async def page(self, limit: int, after: str) -> tuple[Sequence[DeadLetter], str]:
        """Return a page of letters, and the `after` of the next page, if there is one."""
        ...

    async def older(self, before: datetime, limit: int) -> Sequence[str]:
        """Return the ids of the first `limit` letters that are older than this."""
        ...
