"""The record and its outbox: what is saved together, and what the log is asked."""

from collections.abc import Sequence
from dataclasses import replace

from batchmgr.dispatcher.memory_ports import MemoryEventLog
from batchmgr.model.cloud_event import Event
from batchmgr.usecases.accept import accept
from batchmgr.usecases.submit import submit
from tests.world import World, job_message


class WatchedLog(MemoryEventLog):
    """A log that keeps what offsets it was asked to look behind, and how long it was then."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[int, int]] = []

    async def append(self, job_id: str, events: Sequence[Event], offset: int) -> tuple[Sequence[Event], int]:
        self.asked.append((offset, len(self.logs.get(job_id, []))))
        return await super().append(job_id, events, offset)


async def test_the_log_is_never_read_again_from_its_start() -> None:
    world = World()
    log = WatchedLog()
    world.events = log
    world.ports = replace(world.ports, events=log)
    await accept(world.ports, "job-1", job_message())
    await submit(world.ports, "job-1")
    assert len(log.asked) == 3
    assert all(offset == length for offset, length in log.asked)
    assert world.record().events_offset == 3
