"""The directory of a local run: everything it writes is in there."""

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from batchmgr.dispatcher.errors import LocalRunError

if sys.platform != "win32":
    import fcntl

MARKER = "batchmgr-run.json"
"""The file by which a directory is known as that of a run."""

PARTS = ("tasks", "storage", "shared", "events.jsonl", "callback.json")
"""All else that a run writes."""


@dataclass(frozen=True)
class RunDirectory:
    """Where a run keeps things: `tasks/<id>/{stdout.txt,stderr.txt,wd/}`, `storage/<container>/<blob>`."""

    root: Path

    @property
    def storage(self) -> Path:
        """The blobs that the job's tasks have left."""
        return self.root / "storage"

    @property
    def shared(self) -> Path:
        """The node's shared directory."""
        return self.root / "shared"

    @property
    def events(self) -> Path:
        """The event log, a CloudEvent a line."""
        return self.root / "events.jsonl"

    @property
    def callback(self) -> Path:
        """The body of the callback."""
        return self.root / "callback.json"

    def task(self, task_id: str) -> Path:
        """A task's own directory."""
        return self.root / "tasks" / task_id

    @contextmanager
    def begun(self, job_id: str, inputs: Path) -> Iterator[bool]:
        """The directory, ready for a new run and kept from others; whether an earlier run had to go.

        Raises LocalRunError for a directory that holds anything else, the `inputs` of the run, or a run that
        goes on.
        """
        if inputs.resolve().is_relative_to(self.root.resolve()):
            raise LocalRunError(
                f"the storage {inputs} is in {self.root}, which is emptied at the beginning of each run; "
                "move it, or choose another --directory"
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
                f"{self.root} holds other things than a run; choose another --directory, or an empty one"
            )
        return True

    def _lock(self, marker: TextIO) -> None:
        """Hold the directory until the marker is closed, or this process ends."""
        if sys.platform == "win32":  # nothing keeps two runs apart there
            return
        try:
            fcntl.flock(marker, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LocalRunError(
                f"another run goes on in {self.root}; end it first, or choose another --directory"
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
