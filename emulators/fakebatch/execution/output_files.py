"""Upload the output files of a task, before the task counts as completed."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TextIO

from fakebatch.errors import StorageError
from fakebatch.execution import file_patterns
from fakebatch.execution.blob_storage import BlobStorage, blob_url
from fakebatch.failure_info import FailureInfo
from fakebatch.model.run_result import RunResult

_CONDITIONS: Final = {"TaskSuccess": (True,), "TaskFailure": (False,), "TaskCompletion": (True, False)}


async def upload(
    storage: BlobStorage,
    output_files: Iterable[Mapping[str, Any]],
    task_root: Path,
    variables: Mapping[str, str],
    outcome: RunResult,
) -> RunResult:
    """Upload the output files of a task that ended with `outcome`, and return the outcome after the upload.

    The uploads and their errors are logged to fileuploadout.txt and fileuploaderr.txt in `task_root`.
    """
    succeeded = outcome.exit_code == 0
    wanted = [
        file for file in output_files if succeeded in _CONDITIONS[file["uploadOptions"]["uploadCondition"]]
    ]
    if not wanted:
        return outcome
    with (
        (task_root / "fileuploadout.txt").open("w") as log,
        (task_root / "fileuploaderr.txt").open("w") as errors,
    ):
        for file in wanted:
            try:
                await _upload_one(storage, file, task_root / "wd", variables, log)
            except StorageError as error:
                errors.write(f"{file['filePattern']}: {error}\n")
                return replace(outcome, failure=_failure(file, error), stage="upload")
    return outcome


async def _upload_one(
    storage: BlobStorage, file: Mapping[str, Any], directory: Path, variables: Mapping[str, str], log: TextIO
) -> None:
    container = file["destination"]["container"]
    pattern, path = file["filePattern"], container.get("path", "")
    headers = {header["name"]: header.get("value", "") for header in container.get("uploadHeaders", ())}
    identity = container.get("identityReference", {}).get("resourceId", "")
    matches = file_patterns.find(pattern, directory, variables)
    log.write(f"{pattern}: {len(matches)} file(s) found\n")
    for match in matches:
        name = _blob_name(path, match.name, several=file_patterns.has_wildcards(pattern))
        await storage.upload(blob_url(container["containerUrl"], name), match.path, headers, identity)
        log.write(f"{match.path} uploaded as {name}\n")


def _blob_name(path: str, name: str, *, several: bool) -> str:
    if not path:
        return name
    return f"{path.rstrip('/')}/{name}" if several else path


def _failure(file: Mapping[str, Any], error: StorageError) -> FailureInfo:
    address = file["destination"]["container"]["containerUrl"].partition("?")[0]
    details = (
        ("FilePattern", file["filePattern"]),
        ("ContainerUrl", address),
        ("Message", str(error)),
    )
    while_uploading = "while attempting to upload an output file"
    if error.status == 404:
        message = f"One of the specified Azure container(s) was not found {while_uploading}"
        return FailureInfo("FileUploadContainerNotFound", message, details)
    if error.is_denied:
        message = f"Access was denied to one of the specified Azure container(s) {while_uploading}"
        return FailureInfo("FileUploadAccessDenied", message, details)
    message = f"A miscellaneous error was encountered {while_uploading}"
    return FailureInfo("FileUploadMiscError", message, details)
