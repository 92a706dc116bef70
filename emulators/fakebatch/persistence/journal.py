"""The journal: a file of lines that only grows, from which what the service knows can be told again."""

import asyncio
import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from fakebatch.persistence.journal_lines import FORMAT, Change, few, line, many, telling
from fakebatch.store import Store

NAME: Final = "journal.jsonl"
_NEW: Final = "journal.new"
_SYNC_EVERY_S: Final = 1.0
_SMALLEST_COMPACTION: Final = 64 * 2**20
_COPIED_AT_ONCE: Final = 500


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
            self._lines.append(line(["gone", *ids]))
        elif kind == "new task":
            self._noted["task", *ids] = True
        else:
            self._noted.setdefault((kind, *ids), False)

    def flush(self) -> None:
        """Write what was noted."""
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

    def _tell(self) -> None:
        for change, with_spec in self._noted.items():
            told = telling(self._store, change, with_spec=with_spec)
            if told is not None:
                self._lines.append(told)
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
        """Open a new journal with what comes before all else; the rest is yet to be copied."""
        file = os.open(self._directory / _NEW, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        _write_lines(file, [line(["format", FORMAT])])
        _write_lines(file, self._told(few(self._store)))
        rest = [change for record in self._store.jobs for change in many(record)]
        self._copying = self._told(rest)
        return file

    def _told(self, changes: Iterable[Change]) -> Iterator[str]:
        lines = (telling(self._store, change, with_spec=True) for change in changes)
        return (told for told in lines if told is not None)

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


def _write_lines(file: int, lines: Iterable[str]) -> None:
    left = memoryview("".join([f"{text}\n" for text in lines]).encode())
    while left:
        left = left[os.write(file, left) :]


def _sync(file: int) -> None:
    try:
        os.fsync(file)
    finally:
        os.close(file)
