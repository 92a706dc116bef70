"""Input files that a job will not find, told before anything runs."""

from collections.abc import Iterator

from batchmgr.dispatcher.storage import FolderStorage
from batchmgr.errors import InvalidJobError
from batchmgr.plan.file_specifications import ContainerNeed, InputFileSpecification, OutputFileSpecification
from batchmgr.plan.job_plan import JobPlan

_MOST = 5


def require_inputs(plan: JobPlan, storage: FolderStorage) -> None:
    """Raise InvalidJobError that says where to put the blobs that are not there and that no task leaves."""
    missing = {_blob(file.need, file.source_blob_path): file for file in _missing(plan, storage)}
    if not missing:
        return
    named = ", ".join([*missing][:_MOST]) + (
        f" and {len(missing) - _MOST} more" if len(missing) > _MOST else ""
    )
    first = next(iter(missing.values()))
    place = storage.place_for(first.need, first.source_blob_path)
    raise InvalidJobError(
        f"not in local storage: {named}. Put the file at {place}, or choose another --storage"
    )


def _missing(plan: JobPlan, storage: FolderStorage) -> Iterator[InputFileSpecification]:
    outputs = [file for task in plan.all_tasks for file in task.output_files]
    for task in plan.all_tasks:
        for file in task.input_files:
            if file.http_url or file.is_prefix or storage.find(file.need, file.source_blob_path):
                continue
            if not any(_may_leave(output, file) for output in outputs):
                yield file


def _may_leave(output: OutputFileSpecification, file: InputFileSpecification) -> bool:
    """Whether the blob may be one that a task of the job leaves."""
    if _blob(output.need, "") != _blob(file.need, ""):
        return False
    if output.is_pattern:
        return file.source_blob_path.startswith(output.blob_path)
    return file.source_blob_path == output.blob_path


def _blob(need: ContainerNeed, path: str) -> str:
    account = f"@{need.storage_account_name}/" if need.storage_account_name else ""
    return f"{account}{need.container_name}/{path}"
