"""The queues in memory, and their poison queues. They pass the contract tests of the adapters for Azure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from batchmgr.errors import ServiceRefusedError
from batchmgr.model.active_job import ActiveJob
from batchmgr.model.dead_letter import DeadLetter
from batchmgr.ports import Clock
from batchmgr.queue_ports import MOST_LETTERS, PoisonMessage, PoisonQueue
from batchmgr.wire.json_codec import encode
from batchmgr.wire.queue_message import JobReference, PollRequest

MAX_MESSAGE = 64 * 1024
"""How many bytes a queue message holds."""


@dataclass(frozen=True)
class QueuedMessage:
    """A message on one of batchmgr's queues."""

    queue: str
    body: str
    visible_at: datetime
    attempts: int = 0


class MemoryJobQueue:
    """The JobQueue port: messages in a list. The handler of a message removes it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.messages: list[QueuedMessage] = []
        self.poison: list[bytes] = []
        self.buried: list[str] = []
        self.returned: list[bytes] = []
        """Job requests that were put back from their poison queue."""

    def now(self) -> datetime:
        """Return the time of the clock."""
        return self._clock.now()

    async def enqueue_submission(self, job_id: str, delay: timedelta = timedelta(0)) -> None:
        """Enqueue a stored job for submission after `delay`."""
        self.messages.append(QueuedMessage("submit", job_id, self._clock.now() + delay))

    async def enqueue_callback(self, job_id: str, delay: timedelta = timedelta(0)) -> None:
        """Enqueue a finished job's callback for delivery after `delay`."""
        self.messages.append(QueuedMessage("callback", job_id, self._clock.now() + delay))

    async def enqueue_finalize(self, job_id: str, attempts: int, delay: timedelta) -> None:
        """Enqueue a job to be finalized after `delay`."""
        self.messages.append(QueuedMessage("finalize", job_id, self._clock.now() + delay, attempts))

    async def enqueue_polls(self, jobs: Sequence[ActiveJob]) -> None:
        """Enqueue active jobs to be polled."""
        now = self._clock.now()
        self.messages.append(QueuedMessage("poll", encode(PollRequest(jobs=tuple(jobs))).decode(), now))

    async def enqueue_long_poll(self, job_id: str) -> None:
        """Enqueue an active job to be polled for long."""
        body = encode(PollRequest(long_poll_of=job_id)).decode()
        self.messages.append(QueuedMessage("poll", body, self._clock.now()))

    async def polls_waiting(self) -> int:
        """Return how many messages have not led to a poll yet."""
        return sum(message.queue == "poll" for message in self.messages)

    async def dead_letter_request(self, body: bytes) -> None:
        """Keep the body of a job request that cannot be read, as it came. A queue message holds 64 KiB."""
        if len(body) > MAX_MESSAGE:
            raise ServiceRefusedError("the message is too large", code="RequestBodyTooLarge", status=413)
        self.poison.append(body)

    async def dead_letter_callback(self, job_id: str) -> None:
        """Keep an undeliverable callback."""
        self.buried.append(job_id)


class MemoryPoisonQueues:
    """The PoisonQueues port: those of a MemoryJobQueue, and lists of the others."""

    def __init__(self, queue: MemoryJobQueue) -> None:
        self._queue = queue
        self.kept: set[tuple[PoisonQueue, bytes]] = set()
        self._seen: dict[tuple[PoisonQueue, bytes], datetime] = {}
        self.others: dict[PoisonQueue, list[bytes]] = {PoisonQueue.FINALIZE: [], PoisonQueue.BLOBS: []}

    async def counts(self) -> Mapping[str, int]:
        """Return how many messages lie in which queue, without the empty ones."""
        found = {str(queue): len(self._bodies(queue)) for queue in PoisonQueue}
        return {name: number for name, number in found.items() if number}

    async def undecided(self, queue: PoisonQueue) -> Sequence[PoisonMessage]:
        """Return the messages that are not known to be kept."""
        now = self._queue.now()
        return [
            PoisonMessage(
                queue=queue,
                id=f"{place}",
                body=body,
                inserted_at=self._seen.setdefault((queue, body), now),
            )
            for place, body in enumerate(self._bodies(queue))
            if (queue, body) not in self.kept
        ]

    async def put_back(self, message: PoisonMessage) -> None:
        """Have a job request handled again."""
        self._queue.returned.append(message.body)

    async def remove(self, message: PoisonMessage) -> None:
        """Remove a message."""
        if message.queue is PoisonQueue.REQUESTS:
            self._queue.poison.remove(message.body)
        elif message.queue is PoisonQueue.CALLBACKS:
            self._queue.buried.pop(self._bodies(message.queue).index(message.body))
        else:
            self.others[message.queue].remove(message.body)

    async def keep(self, message: PoisonMessage) -> None:
        """Leave a message where it is."""
        self.kept.add((message.queue, message.body))

    def _bodies(self, queue: PoisonQueue) -> list[bytes]:
        if queue is PoisonQueue.REQUESTS:
            return list(self._queue.poison)
        if queue is PoisonQueue.CALLBACKS:
            return [encode(JobReference(stored_job_id=job_id)) for job_id in self._queue.buried]
        return list(self.others[queue])


class MemoryDeadLetters:
    """The DeadLetters port: letters in a dictionary."""

    def __init__(self) -> None:
        self.letters: dict[str, DeadLetter] = {}

    async def add(self, letter: DeadLetter) -> None:
        """Keep a letter unless it is kept. The oldest of too many go."""
        self.letters.setdefault(letter.id, letter)
        for letter_id in sorted(self.letters)[MOST_LETTERS:]:
            del self.letters[letter_id]

    async def remove(self, letter_id: str) -> None:
        """Remove a letter. Does nothing if it is not there."""
        self.letters.pop(letter_id, None)

    async def older(self, before: datetime, limit: int) -> Sequence[str]:
        """Return the ids of the first letters that are older than this."""
        return [letter_id for letter_id in sorted(self.letters) if self.letters[letter_id].time < before][
            :limit
        ]

    async def page(self, limit: int, after: str) -> tuple[Sequence[DeadLetter], str]:
        """Return a page of letters, and the id after which the next one begins, if there is one."""
        ids = [letter_id for letter_id in sorted(self.letters) if letter_id > after]
        letters = [self.letters[letter_id] for letter_id in ids[:limit]]
        return letters, ids[limit - 1] if len(ids) > limit else ""
