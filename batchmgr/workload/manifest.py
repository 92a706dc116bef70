"""What the FinalizeTask is told of the other tasks: how each ended, and what it left in storage.

On a node it asks Azure Batch itself, with the token that a task is given for its own job, and with nothing
but the standard library. A file in the working directory, where there is one, takes the place of Azure Batch:
a local run writes it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import quote

from batchmgr.errors import BatchmgrError
from batchmgr.model.plan import RESERVED_PREFIX
from batchmgr.model.values import value

MANIFEST_FILE = "batchmgr-manifest.json"
"""The file that a local run leaves in the FinalizeTask's working directory."""

API_VERSION = "2025-06-01"
_FIELDS = "id,displayName,state,executionInfo,outputFiles"
_TIMEOUT = 60


class ManifestError(BatchmgrError):
    """The other tasks of the job cannot be told: the node has no way to Azure Batch."""


@value
class TaskOutput:
    """A file that a task was to leave: the blob's URL, or for a pattern what its blobs' URLs begin with."""

    source_file_path: str
    url: str


@value
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


@value
class Manifest:
    """All tasks of the job but the FinalizeTask, in order of their ids: 1, 2, 10."""

    tasks: tuple[FinishedTask, ...]

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
    """The manifest, from its file or from Azure Batch. Raises `ManifestError`."""
    file = directory / MANIFEST_FILE
    if file.exists():
        return Manifest.from_json(file.read_text(encoding="utf-8"))
    try:
        account, job_id = environment["AZ_BATCH_ACCOUNT_URL"], environment["AZ_BATCH_JOB_ID"]
        token = environment["AZ_BATCH_AUTHENTICATION_TOKEN"]
    except KeyError as error:
        raise ManifestError(
            f"the manifest cannot be read: {error.args[0]} is not set. It is there only in a FinalizeTask "
            "that Azure Batch or `local` has started."
        ) from None
    first = f"{account.rstrip('/')}/jobs/{quote(job_id)}/tasks?api-version={API_VERSION}&$select={_FIELDS}"
    tasks = [_task(answer) for answer in _pages(first, token) if not answer["id"].startswith(RESERVED_PREFIX)]
    return Manifest(tasks=tuple(sorted(tasks, key=_order)))


def _order(task: FinishedTask) -> tuple[int, int, str]:
    is_number = task.id.isdigit()
    return (not is_number, int(task.id) if is_number else 0, task.id)


def _pages(url: str, token: str) -> Iterator[dict[str, Any]]:
    # Imported here: a task that never asks does not pay for it.
    from urllib.error import URLError
    from urllib.request import Request, urlopen

    while url:
        request = Request(url, headers={"Authorization": f"Bearer {token}", "Accept": "application/json"})  # noqa: S310
        try:
            with urlopen(request, timeout=_TIMEOUT) as response:  # noqa: S310
                page = json.load(response)
        except URLError as error:
            raise ManifestError(f"Azure Batch does not tell the job's tasks: {error}") from error
        yield from page["value"]
        url = page.get("odata.nextLink", "")


def _task(answer: Mapping[str, Any]) -> FinishedTask:
    execution = answer.get("executionInfo", {})
    failure = execution.get("failureInfo")
    return FinishedTask(
        id=answer["id"],
        state=answer["state"],
        display_name=answer.get("displayName", ""),
        result=execution.get("result", "").lower(),
        exit_code=execution.get("exitCode"),
        error=f"{failure['code']}: {failure.get('message', '')}" if failure else "",
        outputs=tuple(_output(file) for file in answer.get("outputFiles", ())),
    )


def _output(file: Mapping[str, Any]) -> TaskOutput:
    container = file["destination"]["container"]
    # Without its query, which is a secret.
    url = container["containerUrl"].partition("?")[0]
    path = container.get("path", "")
    return TaskOutput(source_file_path=file["filePattern"], url=f"{url}/{quote(path)}" if path else url)
