"""What the FinalizeTask is told of the other tasks: how each ended, and what it left in storage.

batchmgr leaves it as a blob in the job's container as soon as nothing but the FinalizeTask is left to run: a
FinalizeTask that asks for it may wait as long as batchmgr's timer takes. A file in the working directory,
where there is one, takes the blob's place: a local run writes it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

from batchmgr.errors import ManifestError
from batchmgr.plan.frozen_dataclass import frozen_dataclass
from batchmgr.plan.job_plan import MANIFEST_BLOB, MANIFEST_URL_VARIABLE, REPORTS_IDENTITY_VARIABLE
from batchmgr.workload.blob_client import get_blob

PATIENCE_SECONDS = 600
_PAUSE = 0.5


@frozen_dataclass
class TaskOutput:
    """A file that a task was to leave: the blob's URL, or for a pattern what its blobs' URLs begin with."""

    source_file_path: str
    url: str


@frozen_dataclass
class FinishedTask:
    """A task of the job, when the FinalizeTask runs.

    `state` is Azure Batch's: `completed`, or `active` for a task that never ran since one that it waited for
    failed. `exit_code` is None for a task that did not run to its end; `error` says why it failed.
    """

    id: str
    state: str
    display_name: str = ""
    result: str = ""
    exit_code: int | None = None
    error: str = ""
    outputs: tuple[TaskOutput, ...] = ()

    @property
    def has_succeeded(self) -> bool:
        """Completed, and with success."""
        return self.state == "completed" and self.result == "success"


@frozen_dataclass
class Manifest:
    """All tasks of the job but the FinalizeTask, in order of their ids: 1, 2, 10.

    >>> done = FinishedTask(id="10", state="completed", result="success", exit_code=0)
    >>> manifest = Manifest.of([done, FinishedTask(id="2", state="active")])
    >>> [(task.id, task.has_succeeded) for task in manifest.tasks]
    [('2', False), ('10', True)]
    """

    tasks: tuple[FinishedTask, ...]

    @classmethod
    def of(cls, tasks: Iterable[FinishedTask]) -> Manifest:
        """The manifest of these tasks, put in order."""
        return cls(tasks=tuple(sorted(tasks, key=_order)))

    def to_json(self) -> str:
        """The content of a manifest file."""
        return json.dumps({"tasks": [asdict(task) for task in self.tasks]})

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """The manifest in a manifest file."""
        return cls(
            tasks=tuple(
                FinishedTask(**{**task, "outputs": tuple(TaskOutput(**output) for output in task["outputs"])})
                for task in json.loads(text)["tasks"]
            )
        )


def load_manifest(environment: Mapping[str, str], directory: Path) -> Manifest:
    """The manifest, from its file or from storage. Raises `ManifestError`."""
    file = directory / MANIFEST_BLOB
    if file.exists():
        return Manifest.from_json(file.read_text(encoding="utf-8"))
    url = environment.get(MANIFEST_URL_VARIABLE, "")
    if not url:
        raise ManifestError(
            f"the manifest cannot be read: {MANIFEST_URL_VARIABLE} is not set. It is there only in a "
            "FinalizeTask that batchmgr has started."
        )
    identity = environment.get(REPORTS_IDENTITY_VARIABLE, "")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            content = get_blob(url, identity)
        except OSError as error:
            raise ManifestError(f"the manifest cannot be read: {error}") from error
        if content is not None:
            return Manifest.from_json(content.decode())
        if time.monotonic() > deadline:
            raise ManifestError(
                f"batchmgr left no manifest within {PATIENCE_SECONDS} s: is its timer (poll_jobs) running?"
            )
        time.sleep(_PAUSE)


def _order(task: FinishedTask) -> tuple[bool, int, str]:
    is_number = task.id.isdigit()
    return (not is_number, int(task.id) if is_number else 0, task.id)
