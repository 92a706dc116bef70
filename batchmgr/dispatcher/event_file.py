"""The event log of a local run, in memory and in a file."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from batchmgr.dispatcher.memory_event_log import MemoryEventLog
from batchmgr.model.cloud_event import Event, LogEnd


class EventFile(MemoryEventLog):
    """The EventLog port in memory. It also appends each new event to the file, one line per event."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    async def append(self, job_id: str, events: Sequence[Event], end: LogEnd) -> tuple[Sequence[Event], int]:
        """Add events to the log, and to the file."""
        numbered, offset = await super().append(job_id, events, end)
        with self._path.open("ab") as file:
            file.writelines(msgspec.json.encode(event) + b"\n" for event in numbered)
        return numbered, offset
