"""The directory that holds everything a local run writes."""

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from batchmgr.errors import LocalRunError

if sys.platform != "win32":
    import fcntl

MARKER = "batchmgr-run.json"
"""The file that marks a directory as that of a run."""

PARTS = ("tasks", "storage", "shared", "events.jsonl", "callback.json")
"""Everything else that a run writes. The next run in the same directory removes it first."""


@dataclass(frozen=True)
class RunDirectory:
    """Where a run writes: `tasks/<id>/{stdout.txt,stderr.txt,wd/}`, `storage/<container>/<blob>`."""

    root: Path

    @property
    def storage(self) -> Path:
        """The folder of the blobs that the job's tasks write."""
        return self.root / "storage"

    @property
    def shared(self) -> Path:
        """The node's shared directory."""
        return self.root / "shared"

    @property
    def events(self) -> Path:
        """The event log: one CloudEvent per line."""
        return self.root / "events.jsonl"

    @property
    def callback(self) -> Path:
        """The body of the callback."""
        return self.root / "callback.json"

    def task(self, task_id: str) -> Path:
        """Return the task's own directory."""
        return self.root / "tasks" / task_id

    @contextmanager
    def prepared(self, job_id: str, inputs: Path) -> Iterator[bool]:
        """Empty the directory for a new run, and lock it against other runs until the end of the block.

        Yield whether files of an earlier run were removed. Raises LocalRunError if the directory holds other
        files, holds the run's `inputs`, or belongs to a run that is still going on.
        """
        if inputs.resolve().is_relative_to(self.root.resolve()):
            raise LocalRunError(
                f"the storage {inputs} is in {self.root}, which is emptied at the beginning of each run; "
                "move the storage, or choose another --directory"
            )
        with ExitStack() as stack:
            try:
                is_again = self._is_known()
                self.root.mkdir(parents=True, exist_ok=True)
                marker = stack.enter_context((self.root / MARKER).open("a", encoding="utf-8"))
                self._lock(marker)
                self._clear()
                marker.truncate(0)
                marker.write(json.dumps({"jobId": job_id}) + "\n")
                marker.flush()
            except OSError as error:
                raise LocalRunError(f"{self.root} can't be used: {error.strerror or error}") from error
            yield is_again

    def _is_known(self) -> bool:
        if not self.root.exists() or not any(self.root.iterdir()):
            return False
        if not (self.root / MARKER).is_file():
            raise LocalRunError(
                f"{self.root} holds other files than those of a run; "
                "choose an empty directory with --directory"
            )
        return True

    def _lock(self, marker: TextIO) -> None:
        """Lock the directory until the marker is closed or this process ends."""
        if sys.platform == "win32":  # without fcntl, two runs at once are not detected
            return
        try:
            fcntl.flock(marker, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LocalRunError(
                f"another run is using {self.root}; end it first, or choose another --directory"
            ) from None

    def _clear(self) -> None:
        for name in PARTS:
            part = self.root / name
            if part.is_dir() and not part.is_symlink():
                shutil.rmtree(part)
            else:
                part.unlink(missing_ok=True)
        for folder in (self.storage, self.shared, self.root / "tasks"):
            folder.mkdir()
