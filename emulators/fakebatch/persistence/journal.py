"""The journal: an append-only file of lines, from which the state of the service can be restored."""

import asyncio
import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from fakebatch.persistence.journal_lines import FORMAT, Change, head_changes, job_changes, journal_line, line
from fakebatch.store import Store

NAME: Final = "journal.jsonl"
_NEW: Final = "journal.new"
_SYNC_EVERY_S: Final = 1.0
_SMALLEST_COMPACTION: Final = 64 * 2**20
_COPIED_AT_ONCE: Final = 500


class Journal:
    """Writes the changes of a store to a directory.

    `flush` hands the changes to the operating system. The server calls it before each response, so nothing
    that was accepted is lost when the process is killed. The file is synced to disk only once a second,
    because that takes milliseconds. Only a crash of the whole machine can lose the changes in between.
    """

    def __init__(self, directory: Path, store: Store) -> None:
        self._directory = directory
        self._store = store
        self._changes: dict[Change, bool] = {}
        self._lines: list[str] = []
        self._sync_timer: asyncio.TimerHandle | None = None
        self._new: int | None = None
        self._file = self._begin()
        _write_lines(self._file, self._copying)
        self._publish()
        self._size = self._smallest = os.fstat(self._file).st_size

    def on_change(self, kind: str, *ids: str) -> None:
        """Record a change: its kind and ids, or `gone` followed by them. See `change_listeners`."""
        if kind == "gone":
            # First write what changed before: a later thing with the same id is another one.
            self._collect_lines()
            self._lines.append(line(["gone", *ids]))
        elif kind == "new task":
            self._changes["task", *ids] = True
        else:
            self._changes.setdefault((kind, *ids), False)

    def flush(self) -> None:
        """Write the recorded changes, and some more of a compaction."""
        if not self._changes and not self._lines and self._new is None:
            return
        self._collect_lines()
        if self._new is None and self._size > max(2 * self._smallest, _SMALLEST_COMPACTION):
            self._new = self._begin()
        self._write()
        self._copy()
        if self._sync_timer is None:
            self._sync_timer = asyncio.get_running_loop().call_later(_SYNC_EVERY_S, self._sync)

    def close(self) -> None:
        """Write the recorded changes, sync the file and close it."""
        self.flush()
        if self._sync_timer is not None:
            self._sync_timer.cancel()
        os.fsync(self._file)
        os.close(self._file)
        if self._new is not None:
            os.close(self._new)

    def _collect_lines(self) -> None:
        for change, with_spec in self._changes.items():
            text = journal_line(self._store, change, with_spec=with_spec)
            if text is not None:
                self._lines.append(text)
        self._changes.clear()

    def _write(self) -> None:
        for file in (self._file, *(() if self._new is None else (self._new,))):
            _write_lines(file, self._lines)
        self._lines.clear()
        self._size = os.fstat(self._file).st_size

    def _sync(self) -> None:
        self._sync_timer = None
        asyncio.get_running_loop().run_in_executor(None, _sync, os.dup(self._file))

    # Compaction: a new journal is written beside the old one, a part with each flush. It replaces the old one
    # when it is complete. Changes in the meantime are written to both.

    def _begin(self) -> int:
        """Create a new journal with its first lines. The rest is copied later."""
        file = os.open(self._directory / _NEW, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        _write_lines(file, [line(["format", FORMAT])])
        _write_lines(file, self._lines_of(head_changes(self._store)))
        rest = [change for record in self._store.jobs for change in job_changes(record)]
        self._copying = self._lines_of(rest)
        return file

    def _lines_of(self, changes: Iterable[Change]) -> Iterator[str]:
        lines = (journal_line(self._store, change, with_spec=True) for change in changes)
        return (text for text in lines if text is not None)

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
