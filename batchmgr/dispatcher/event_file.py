"""The event log of a local run, in memory and in a file."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from batchmgr.dispatcher.memory_ports import MemoryEventLog
from batchmgr.model.cloud_event import Event
from batchmgr.plan.ids import job_key


class EventFile(MemoryEventLog):
    """The EventLog port in memory. It also appends each new event to the file, one line per event."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    async def append(self, job_id: str, events: Sequence[Event], offset: int) -> tuple[Sequence[Event], int]:
        """Add events to the log, and the new ones among them to the file."""
        before = len(self.logs.get(job_key(job_id), ()))
        logged, end = await super().append(job_id, events, offset)
        with self._path.open("ab") as file:
            file.writelines(
                msgspec.json.encode(event) + b"\n" for event in self.logs[job_key(job_id)][before:]
            )
        return logged, end
