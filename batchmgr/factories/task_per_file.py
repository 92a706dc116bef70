"""The `taskPerFile` factory: one task for each blob of a source.

The caller lists the blobs. The same factory and the same blobs always give the same tasks.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from batchmgr.errors import InvalidJobError
from batchmgr.factories.factory_tasks import (
    REPEAT_TASK,
    FactoryTasks,
    Row,
    check_task_count,
    plan_merge_task,
    typical_rows,
)
from batchmgr.factories.lazy_sequence import LazySequence
from batchmgr.factories.repeat_task import RepeatTask
from batchmgr.wire.factory_message import TaskPerFile
from batchmgr.wire.task_message import InputFileMessage, TaskTemplate

SOURCE = "taskFactory.source"
PLACEHOLDERS = ("0", "name", "fileName", "stem", "url")


@dataclass(frozen=True, kw_only=True)
class SourceBlob:
    """A blob that gets a task: its full name, and its URL without a signature."""

    name: str
    url: str


SAMPLE_BLOB = SourceBlob(name="name", url="https://account.blob.core.windows.net/container/name")
"""An invented blob, to check a factory before its blobs are listed."""


def file_tasks(job_id: str, factory: TaskPerFile, blobs: Sequence[SourceBlob]) -> FactoryTasks:
    """Return a task for each of these blobs. Raise InvalidJobError, which names the field of the message."""
    if not blobs:
        raise InvalidJobError(
            "no blob matches, so the job would have no tasks: check containerName, prefix and pattern",
            field=SOURCE,
        )
    check_task_count(len(blobs), field=SOURCE)
    repeat_task = file_repeat_task(factory, job_id)
    merge_task = plan_merge_task(job_id, factory.merge_task)
    rows = _Rows(blobs)
    return FactoryTasks(repeat_task, rows, merge_task, typical_rows(repeat_task, rows, ("name",)))


def file_repeat_task(factory: TaskPerFile, job_id: str = "") -> RepeatTask:
    """Return the parsed `repeatTask`. Its placeholders are `PLACEHOLDERS`, whose values are untrusted."""
    return RepeatTask(
        _with_blob(factory),
        PLACEHOLDERS,
        field=REPEAT_TASK,
        untrusted=True,
        job_id=job_id,
        is_awaited=factory.merge_task is not None,
    )


def _with_blob(factory: TaskPerFile) -> TaskTemplate:
    """Return the template with the blob as an input file; the template may say under which name."""
    template, source = factory.repeat_task, factory.source
    blob = InputFileMessage(
        source_blob_path="{name}",
        target_file_path="{name}",
        container_name=source.container_name,
        storage_account_name=source.storage_account_name,
        identity_reference=source.identity_reference,
    )
    files = tuple(
        replace(blob, target_file_path=file.target_file_path) if file.http_url == "{url}" else file
        for file in template.input_files
    )
    if any("{" in (file.source_blob_path + file.http_url).replace("{{", "") for file in files):
        return replace(template, input_files=files)
    return replace(template, input_files=(*files, blob))


class _Rows(LazySequence[Row]):
    """A row of values for each blob."""

    def __init__(self, blobs: Sequence[SourceBlob]) -> None:
        self._blobs = blobs

    def __len__(self) -> int:
        return len(self._blobs)

    def _make(self, number: int) -> Row:
        return _values(self._blobs[number])


def _values(blob: SourceBlob) -> dict[str, str]:
    file_name = blob.name.rpartition("/")[2]
    stem = file_name.rpartition(".")[0] or file_name
    return {"0": blob.name, "name": blob.name, "fileName": file_name, "stem": stem, "url": blob.url}
