"""Checks that a job's input blobs exist, before anything runs."""

from collections.abc import Iterator

from batchmgr.dispatcher.folder_storage import FolderStorage
from batchmgr.errors import InvalidJobError
from batchmgr.plan.file_specifications import ContainerNeed, InputFileSpecification, OutputFileSpecification
from batchmgr.plan.job_plan import JobPlan

_MAX_NAMED = 5


def check_input_blobs(plan: JobPlan, storage: FolderStorage) -> None:
    """Raise InvalidJobError if an input blob does not exist and no task of the job writes it.

    The message says where to put the first missing blob.
    """
    missing = {_blob(file.need, file.source_blob_path): file for file in _missing(plan, storage)}
    if not missing:
        return
    named = ", ".join([*missing][:_MAX_NAMED]) + (
        f" and {len(missing) - _MAX_NAMED} more" if len(missing) > _MAX_NAMED else ""
    )
    first = next(iter(missing.values()))
    place = storage.input_path(first.need, first.source_blob_path)
    raise InvalidJobError(
        f"not in local storage: {named}. Put the file at {place}, or choose another --storage"
    )


def _missing(plan: JobPlan, storage: FolderStorage) -> Iterator[InputFileSpecification]:
    outputs = [file for task in plan.all_tasks for file in task.output_files]
    for task in plan.all_tasks:
        for file in task.input_files:
            if file.http_url or file.is_prefix or storage.find(file.need, file.source_blob_path):
                continue
            if not any(_may_write(output, file) for output in outputs):
                yield file


def _may_write(output: OutputFileSpecification, file: InputFileSpecification) -> bool:
    """Return whether the task with this output file may write the blob."""
    if _blob(output.need, "") != _blob(file.need, ""):
        return False
    if output.is_pattern:
        return file.source_blob_path.startswith(output.blob_path)
    return file.source_blob_path == output.blob_path


def _blob(need: ContainerNeed, path: str) -> str:
    account = f"@{need.storage_account_name}/" if need.storage_account_name else ""
    return f"{account}{need.container_name}/{path}"
