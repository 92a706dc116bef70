"""The tasks of a kept plan: in a file on this machine, and read from it when somebody asks for them."""

import weakref
from array import array
from collections.abc import Iterator, Sequence
from threading import Lock
from typing import BinaryIO, overload

from batchmgr.plan.job_plan import TaskPlan
from batchmgr.wire.kept_plan import decode_tasks

AT_ONCE = 100
"""How many tasks are read at once where all are read: as many as one call to Azure Batch takes."""


class KeptTasks(Sequence[TaskPlan]):
    """The tasks in the first lines of a file. 100,000 of them take a megabyte, which is where they begin.

    `ends` are the places where the lines of the tasks end. What comes after the last one is not looked at.
    The file is closed when nobody needs these tasks any more. While somebody else reads it, no task may be
    asked for.
    """

    def __init__(self, file: BinaryIO, ends: "array[int]") -> None:
        self.file = file
        self._ends = ends
        self._lock = Lock()
        weakref.finalize(self, file.close)

    @property
    def size(self) -> int:
        """How many bytes of the file are tasks."""
        return self._ends[-1] if self._ends else 0

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, index: int) -> TaskPlan: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[TaskPlan]: ...

    def __getitem__(self, index: int | slice) -> TaskPlan | Sequence[TaskPlan]:
        if not isinstance(index, slice):
            place = range(len(self))[index]
            return self._read(place, place + 1)[0]
        places = range(len(self))[index]
        if places.step == 1:
            return self._read(places.start, places.stop)
        return [self[place] for place in places]

    def __iter__(self) -> Iterator[TaskPlan]:
        for first in range(0, len(self), AT_ONCE):
            yield from self._read(first, min(first + AT_ONCE, len(self)))

    def _read(self, first: int, last: int) -> list[TaskPlan]:
        if first >= last:
            return []
        begin = self._ends[first - 1] if first else 0
        with self._lock:  # several threads may read, and the file has one position
            self.file.seek(begin)
            lines = self.file.read(self._ends[last - 1] - begin)
        return decode_tasks(lines)


def index_lines(file: BinaryIO) -> "array[int]":
    """Return where the lines of a file end."""
    ends, end = array("Q"), 0
    file.seek(0)
    for line in file:
        end += len(line)
        ends.append(end)
    return ends
