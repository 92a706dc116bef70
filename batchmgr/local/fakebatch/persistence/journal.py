"""The journal: a file of lines that only grows, from which what the service knows can be told again.

A line is a JSON array: `["pool", id, value]`, `["schedule", id, value]`, `["job", id, value]`,
`["task", job id, task id, value]`, `["satisfied", job id, [task ids]]`, or `["gone", kind, id, ...]`. The
last line about a thing holds. A task whose properties are as they were is written without its `spec`.
"""

import asyncio
import json
import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

from batchmgr.local.fakebatch.model.pool import Pool
from batchmgr.local.fakebatch.model.schedule import Schedule
from batchmgr.local.fakebatch.model.task_spec import as_dict
from batchmgr.local.fakebatch.persistence.codec import encode
from batchmgr.local.fakebatch.store import Store

NAME: Final = "journal.jsonl"
_NEW: Final = "journal.new"
_SYNC_EVERY_S: Final = 1.0
_SMALLEST_COMPACTION: Final = 64 * 2**20
_COPIED_AT_ONCE: Final = 500
_ENCODE: Final = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode

Change = tuple[str, ...]
"""A kind and ids: of a pool, a schedule, a job, a task and its job, or a task that satisfied and its job."""


class Journal:
    """Writes what changes in a store to a directory.

    What was noted is handed to the operating system by `flush`, which the server calls before each answer: so
    nothing that was accepted is lost when the process is killed. The disk is told to keep it once a second
    only, for that takes milliseconds, and only a crash of the whole machine makes the difference.
    """

    def __init__(self, directory: Path, store: Store) -> None:
        self._directory = directory
        self._store = store
        self._noted: dict[Change, bool] = {}
        self._kept = self._few()
        self._lines: list[str] = []
        self._sync_timer: asyncio.TimerHandle | None = None
        self._new: int | None = None
        self._file = self._begin()
        _write_lines(self._file, self._copying)
        self._publish()
        self._size = self._smallest = os.fstat(self._file).st_size

    def note(self, kind: str, *ids: str) -> None:
        """Take note of a change: of a kind, of a `new task`, or that something is `gone`, with its kind."""
        if kind == "gone":
            # Whatever comes under the same id later is another thing.
            self._tell()
            self._lines.append(_ENCODE(["gone", *ids]))
        elif kind == "new task":
            self._noted["task", *ids] = True
        else:
            self._noted.setdefault((kind, *ids), False)

    def flush(self) -> None:
        """Write what was noted."""
        self._compare()
        if not self._noted and not self._lines and self._new is None:
            return
        self._tell()
        if self._new is None and self._size > max(2 * self._smallest, _SMALLEST_COMPACTION):
            self._new = self._begin()
        self._write()
        self._copy()
        if self._sync_timer is None:
            self._sync_timer = asyncio.get_running_loop().call_later(_SYNC_EVERY_S, self._sync)

    def close(self) -> None:
        """Write what was noted, for good."""
        self.flush()
        if self._sync_timer is not None:
            self._sync_timer.cancel()
        os.fsync(self._file)
        os.close(self._file)
        if self._new is not None:
            os.close(self._new)

    def _few(self) -> dict[Change, Pool | Schedule]:
        """Return what there is little of: it is compared with what was written instead of noted."""
        found: dict[Change, Pool | Schedule] = {
            ("pool", pool.pool.id): pool.pool for pool in self._store.pools
        }
        return found | {("schedule", schedule.id): schedule for schedule in self._store.schedules}

    def _compare(self) -> None:
        before, self._kept = self._kept, self._few()
        for change in before.keys() - self._kept.keys():
            self._lines.append(_ENCODE(["gone", *change]))
        for change, value in self._kept.items():
            if before.get(change) is not value:
                self._noted[change] = False

    def _tell(self) -> None:
        for change, with_spec in self._noted.items():
            line = _line(self._store, change, with_spec=with_spec)
            if line is not None:
                self._lines.append(line)
        self._noted.clear()

    def _write(self) -> None:
        for file in (self._file, *(() if self._new is None else (self._new,))):
            _write_lines(file, self._lines)
        self._lines.clear()
        self._size = os.fstat(self._file).st_size

    def _sync(self) -> None:
        self._sync_timer = None
        asyncio.get_running_loop().run_in_executor(None, _sync, os.dup(self._file))

    # Compaction: a new journal is written beside the old one, a piece with each flush, and takes its place
    # once it tells everything. What changes meanwhile goes to both.

    def _begin(self) -> int:
        """Open a new journal, which begins with all jobs: what changes in them can be told from then on."""
        file = os.open(self._directory / _NEW, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        jobs = list(self._store.jobs)
        _write_lines(file, self._told([*self._few(), *(("job", record.job.id) for record in jobs)]))
        rest: list[Change] = []
        for record in jobs:
            rest += [("satisfied", record.job.id, key) for key in record.dependencies.satisfied]
            rest += [("task", record.job.id, task_id) for task_id in record.tasks.ids]
        self._copying = self._told(rest)
        return file

    def _told(self, changes: list[Change]) -> Iterator[str]:
        lines = (_line(self._store, change, with_spec=True) for change in changes)
        return (line for line in lines if line is not None)

    def _copy(self) -> None:
        if self._new is None:
            return
        piece = list(islice(self._copying, _COPIED_AT_ONCE))
        _write_lines(self._new, piece)
        if len(piece) < _COPIED_AT_ONCE:
            os.close(self._file)
            self._file, self._new = self._new, None
            self._publish()
            self._size = self._smallest = os.fstat(self._file).st_size

    def _publish(self) -> None:
        os.fsync(self._file)
        (self._directory / _NEW).rename(self._directory / NAME)


def _line(store: Store, change: Change, *, with_spec: bool) -> str | None:
    """Return the line that tells of a change; None where the thing is gone, as another line tells."""
    kind, first, *others = change
    value: Any
    if kind == "pool":
        pool = store.pools.get(first)
        value = None if pool is None else encode(pool.pool)
    elif kind == "schedule":
        schedule = store.schedules.get(first)
        value = None if schedule is None else encode(schedule)
    else:
        record = store.jobs.get(first)
        if record is None:
            return None
        if kind == "job":
            value = encode(record.job)
        elif kind == "satisfied":
            return _ENCODE(["satisfied", first, others])
        else:
            task = record.tasks.get(others[0])
            value = None if task is None else encode(task)
            if value is not None and task is not None:
                value["spec"] = as_dict(task.spec)
            if value is not None and not with_spec:
                del value["spec"]
    return None if value is None else _ENCODE([*change, value])


def _write_lines(file: int, lines: Iterable[str]) -> None:
    left = memoryview("".join([f"{line}\n" for line in lines]).encode())
    while left:
        left = left[os.write(file, left) :]


def _sync(file: int) -> None:
    try:
        os.fsync(file)
    finally:
        os.close(file)
