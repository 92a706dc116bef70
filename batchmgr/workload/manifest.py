"""The manifest: how the other tasks of the job ended and which files they wrote, for the FinalizeTask.

batchmgr's poller writes it as a blob in the job's container when only the FinalizeTask is left to run. So a
FinalizeTask that reads it may wait as long as the poller's interval. A local run writes it as a file in the
FinalizeTask's working directory; if there is such a file, it is read instead of the blob.
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

MAX_WAIT_SECONDS = 600
"""How long a FinalizeTask waits for the manifest."""

MAX_MANIFEST_BYTES = 256 * 1024 * 1024
"""How large a manifest may be: 100,000 tasks of 2,600 bytes."""

_PAUSE_SECONDS = 0.5


@frozen_dataclass
class TaskOutput:
    """An output file of a task. `url` is the blob's URL; for a pattern, its blobs' URLs begin with `url`."""

    source_file_path: str
    url: str


@frozen_dataclass
class FinishedTask:
    """How a task of the job ended.

    `state` is Azure Batch's: `completed`, or `active` for a task that never ran because a task that it waited
    for failed. `exit_code` is None if the task did not run to its end. `error` says why it failed. `outputs`
    are all its output files; those of a failed task may not exist.
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
        """Return whether the task completed with success."""
        return self.state == "completed" and self.result == "success"


@frozen_dataclass
class Manifest:
    """All tasks of the job except the FinalizeTask, in the order of their ids: 1, 2, 10.

    >>> done = FinishedTask(id="10", state="completed", result="success", exit_code=0)
    >>> manifest = Manifest.of([done, FinishedTask(id="2", state="active")])
    >>> [(task.id, task.has_succeeded) for task in manifest.tasks]
    [('2', False), ('10', True)]
    """

    tasks: tuple[FinishedTask, ...]

    @classmethod
    def of(cls, tasks: Iterable[FinishedTask]) -> Manifest:
        """Return the manifest of these tasks, sorted by id."""
        return cls(tasks=tuple(sorted(tasks, key=_order)))

    def to_json(self) -> str:
        """Return the content of a manifest file."""
        return json.dumps({"tasks": [asdict(task) for task in self.tasks]})

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """Return the manifest that is the content of a manifest file. Raise `ManifestError` for another file.

        Every task of the job may write to the job's container, so this can be any file.
        """
        try:
            return cls(
                tasks=tuple(
                    FinishedTask(
                        **{**task, "outputs": tuple(TaskOutput(**output) for output in task["outputs"])}
                    )
                    for task in json.loads(text)["tasks"]
                )
            )
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise ManifestError(
                f"{MANIFEST_BLOB} is not what batchmgr writes ({type(error).__name__}: {error}): has a task "
                "of this job written it?"
            ) from error


def load_manifest(environment: Mapping[str, str], directory: Path) -> Manifest:
    """Read the manifest from its file or from storage. Raise `ManifestError` if that fails.

    If batchmgr has not written it yet, wait for it, ten minutes at most.
    """
    file = directory / MANIFEST_BLOB
    if file.exists():
        return Manifest.from_json(file.read_text(encoding="utf-8", errors="replace"))
    url = environment.get(MANIFEST_URL_VARIABLE, "")
    if not url:
        raise ManifestError(
            f"the manifest cannot be read: {MANIFEST_URL_VARIABLE} is not set. batchmgr sets it for a "
            "FinalizeTask; no other task has a manifest."
        )
    identity = environment.get(REPORTS_IDENTITY_VARIABLE, "")
    deadline = time.monotonic() + MAX_WAIT_SECONDS
    while True:
        try:
            content = get_blob(url, identity, MAX_MANIFEST_BYTES)
        except OSError as error:
            raise ManifestError(f"the manifest cannot be read: {error}") from error
        if content is not None:
            return Manifest.from_json(content.decode(errors="replace"))
        if time.monotonic() > deadline:
            raise ManifestError(
                f"batchmgr left no manifest within {MAX_WAIT_SECONDS} s: is its timer (poll_jobs) running?"
            )
        time.sleep(_PAUSE_SECONDS)


def _order(task: FinishedTask) -> tuple[bool, int, str]:
    is_number = task.id.isdigit()
    return (not is_number, int(task.id) if is_number else 0, task.id)
