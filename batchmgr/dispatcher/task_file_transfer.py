"""Copies a task's input files into its working directory, and its output files into storage."""

import urllib.request
from collections.abc import Mapping
from pathlib import Path
from shutil import copyfile, copyfileobj
from urllib.error import HTTPError

from batchmgr.dispatcher.folder_storage import FolderStorage
from batchmgr.dispatcher.output_file_patterns import find_files
from batchmgr.errors import TaskPreparationError
from batchmgr.model.batch_snapshots import TaskError
from batchmgr.plan.file_specifications import InputFileSpecification, OutputFileSpecification
from batchmgr.plan.job_plan import TaskPlan

_MODE = "0770"
_TIMEOUT_S = 60
_CONDITIONS = {"taskSuccess": (True,), "taskFailure": (False,), "taskCompletion": (True, False)}


class TaskFileTransfer:
    """Copies files between storage and the tasks' directories."""

    def __init__(self, storage: FolderStorage) -> None:
        self._storage = storage

    def copy_inputs(self, task: TaskPlan, directory: Path) -> None:
        """Copy the task's input files into its working directory.

        Raises TaskPreparationError if a file is missing or cannot be written.
        """
        try:
            for file in task.input_files:
                self._copy_input(file, directory)
        except OSError as error:
            message = f"An input file can't be put in place: {error}"
            raise TaskPreparationError(message, code="ResourceFileWriteFailed") from error

    def copy_outputs(
        self, task: TaskPlan, directory: Path, variables: Mapping[str, str], *, succeeded: bool
    ) -> TaskError | None:
        """Copy the task's output files into storage. Return the task's error if that fails, else None."""
        for file in task.output_files:
            if succeeded not in _CONDITIONS[file.upload_condition]:
                continue
            try:
                self._copy_output(file, directory, variables)
            except OSError as error:
                message = f"{file.source_file_path} can't be kept as {file.blob_path}: {error}"
                return TaskError(type="FileUploadMiscError", category="UserError", message=message)
        return None

    def _copy_input(self, file: InputFileSpecification, directory: Path) -> None:
        if file.http_url:
            target = _target(directory, file.target_file_path)
            _download(file.http_url, target)
            target.chmod(int(file.file_mode or _MODE, 8))
            return
        if file.is_prefix:
            found = self._storage.list(file.need, file.source_blob_path)
            wanted = {f"{file.target_file_path}/{name}".lstrip("/"): blob for name, blob in found.items()}
        else:
            place = self._storage.find(file.need, file.source_blob_path)
            if place is None:
                blob = f"{file.container_name}/{file.source_blob_path}"
                raise TaskPreparationError(
                    f"{blob} is not in storage: no task has written it", code="BlobNotFound"
                )
            wanted = {file.target_file_path: place}
        for name, blob_file in wanted.items():
            target = _target(directory, name)
            copyfile(blob_file, target)
            target.chmod(int(file.file_mode or _MODE, 8))

    def _copy_output(
        self, file: OutputFileSpecification, directory: Path, variables: Mapping[str, str]
    ) -> None:
        for name, found in find_files(file.source_file_path, directory, variables).items():
            blob = f"{file.blob_path}/{name}".lstrip("/") if file.is_pattern else file.blob_path
            self._storage.write(found, file.need, blob)


def _target(directory: Path, name: str) -> Path:
    """Return the file's path below the working directory. Refuse a path that a link leads out of it."""
    target = directory / name
    if not target.resolve().is_relative_to(directory.resolve()):
        raise TaskPreparationError(
            f"{name} leaves the task's working directory", code="ResourceFileCreateFailed"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    return target


def _download(url: str, target: Path) -> None:
    shown = url.partition("?")[0]  # the query may contain a signature
    try:
        # The plan's rules allow only http and https URLs.
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer, target.open("wb") as file:  # noqa: S310
            copyfileobj(answer, file)
    except HTTPError as error:
        error.close()
        code = "BlobNotFound" if error.code == 404 else "BlobDownloadMiscError"
        raise TaskPreparationError(
            f"{shown} can't be downloaded: HTTP status {error.code}", code=code
        ) from error
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise TaskPreparationError(
            f"{shown} can't be downloaded: {reason}", code="BlobDownloadMiscError"
        ) from error
