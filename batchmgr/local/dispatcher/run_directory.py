"""The directory of a local run: everything it writes is in there."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from batchmgr.local.dispatcher.errors import LocalRunError

MARKER = "batchmgr-run.json"
"""The file by which a directory is known as that of a run."""

PARTS = ("tasks", "storage", "shared", "events.jsonl", "callback.json", MARKER)
"""All that a run writes, the marker last: an emptying that was cut short goes on the next time."""


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

    def begin(self, job_id: str, inputs: Path) -> bool:
        """Make the directory ready for a new run; whether that meant to empty it of an earlier one.

        Raises LocalRunError for a directory that holds anything else, or the `inputs` of the run.
        """
        if inputs.resolve().is_relative_to(self.root.resolve()):
            raise LocalRunError(
                f"the storage {inputs} is in {self.root}, which is emptied at the beginning of each run; "
                "move it, or choose another --directory"
            )
        try:
            is_again = self._clear()
            self.root.mkdir(parents=True, exist_ok=True)
            (self.root / MARKER).write_text(json.dumps({"jobId": job_id}) + "\n", encoding="utf-8")
            for folder in (self.storage, self.shared, self.root / "tasks"):
                folder.mkdir()
        except OSError as error:
            raise LocalRunError(f"{self.root} can't be used: {error.strerror or error}") from error
        return is_again

    def _clear(self) -> bool:
        if not self.root.exists() or not any(self.root.iterdir()):
            return False
        if not (self.root / MARKER).is_file():
            raise LocalRunError(
                f"{self.root} holds other things than a run; choose another --directory, or an empty one"
            )
        for name in PARTS:
            part = self.root / name
            if part.is_dir() and not part.is_symlink():
                shutil.rmtree(part)
            else:
                part.unlink(missing_ok=True)
        return True
