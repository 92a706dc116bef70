"""A task's files: brought before it starts, kept when it has ended."""

import urllib.request
from collections.abc import Mapping
from pathlib import Path
from shutil import copyfile, copyfileobj
from urllib.error import HTTPError

from batchmgr.dispatcher import patterns
from batchmgr.dispatcher.storage import FolderStorage
from batchmgr.model.batch_snapshots import TaskError
from batchmgr.plan.file_specifications import InputFileSpecification, OutputFileSpecification
from batchmgr.plan.job_plan import TaskPlan

_MODE = "0770"
_TIMEOUT_S = 60
_CONDITIONS = {"taskSuccess": (True,), "taskFailure": (False,), "taskCompletion": (True, False)}


class PreparationError(Exception):
    """A task can't start; `error` is what is told of it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.error = TaskError(type=code, category="UserError", message=message)


class TaskFiles:
    """The way between storage and the tasks' directories."""

    def __init__(self, storage: FolderStorage) -> None:
        self._storage = storage

    def bring(self, task: TaskPlan, directory: Path) -> None:
        """Put the task's input files into its working directory. PreparationError."""
        try:
            for file in task.input_files:
                self._bring(file, directory)
        except OSError as error:
            message = f"An input file can't be put in place: {error}"
            raise PreparationError("ResourceFileWriteFailed", message) from error

    def keep(
        self, task: TaskPlan, directory: Path, variables: Mapping[str, str], *, succeeded: bool
    ) -> TaskError | None:
        """Keep the task's output files in storage; why that failed, if it did."""
        for file in task.output_files:
            if succeeded not in _CONDITIONS[file.upload_condition]:
                continue
            try:
                self._keep(file, directory, variables)
            except OSError as error:
                message = f"{file.source_file_path} can't be kept as {file.blob_path}: {error}"
                return TaskError(type="FileUploadMiscError", category="UserError", message=message)
        return None

    def _bring(self, file: InputFileSpecification, directory: Path) -> None:
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
                raise PreparationError("BlobNotFound", f"{blob} is not in storage: no task has left it")
            wanted = {file.target_file_path: place}
        for name, blob_file in wanted.items():
            target = _target(directory, name)
            copyfile(blob_file, target)
            target.chmod(int(file.file_mode or _MODE, 8))

    def _keep(self, file: OutputFileSpecification, directory: Path, variables: Mapping[str, str]) -> None:
        for name, found in patterns.find(file.source_file_path, directory, variables).items():
            blob = f"{file.blob_path}/{name}".lstrip("/") if file.is_pattern else file.blob_path
            self._storage.keep(found, file.need, blob)


def _target(directory: Path, name: str) -> Path:
    """Where a file goes, which is in the working directory, even if a link leads out of it."""
    target = directory / name
    if not target.resolve().is_relative_to(directory.resolve()):
        raise PreparationError("ResourceFileCreateFailed", f"{name} leaves the task's working directory")
    target.parent.mkdir(parents=True, exist_ok=True)
    return target


def _download(url: str, target: Path) -> None:
    shown = url.partition("?")[0]  # the query may be its authorization
    try:
        # Only http and https URLs pass the planning.
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer, target.open("wb") as file:  # noqa: S310
            copyfileobj(answer, file)
    except HTTPError as error:
        error.close()
        code = "BlobNotFound" if error.code == 404 else "BlobDownloadMiscError"
        raise PreparationError(code, f"{shown} can't be downloaded: HTTP status {error.code}") from error
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise PreparationError("BlobDownloadMiscError", f"{shown} can't be downloaded: {reason}") from error
