"""This machine as a node: a task's files are brought, its command is run, and what it leaves is kept."""

import json
import os
import re
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from shutil import copyfile, copyfileobj
from urllib.error import HTTPError

from batchmgr.local.dispatcher import patterns
from batchmgr.local.dispatcher.batch import NODE_ID, Ending
from batchmgr.local.dispatcher.programs import run_program, words_of
from batchmgr.local.dispatcher.run_directory import RunDirectory
from batchmgr.local.dispatcher.storage import FolderStorage
from batchmgr.local.dispatcher.streams import kept_streams
from batchmgr.model.files import InputFileSpecification, OutputFileSpecification
from batchmgr.model.plan import (
    MANIFEST_BLOB,
    MANIFEST_URL_VARIABLE,
    REPORTS_FOLDER,
    REPORTS_URL_VARIABLE,
    TASK_ERROR_FILE,
    JobPlan,
    TaskPlan,
)
from batchmgr.model.task import TaskError
from batchmgr.workload.base import WorkloadBase
from batchmgr.workload.execution import run_finalize, run_task
from batchmgr.workload.node_planning import run_job_manager

_MODE = "0770"
_NAME = "NAME_OF_A_TASK"
_TIMEOUT_S = 60
_CONDITIONS = {"taskSuccess": (True,), "taskFailure": (False,), "taskCompletion": (True, False)}


class PreparationError(Exception):
    """A task can't start; `error` is what is told of it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.error = TaskError(type=code, category="UserError", message=message)


class Node:
    """Runs tasks, one at a time, in the calling thread.

    Tasks of `workload` run in this process; any other command line as a process of its own.
    """

    def __init__(self, directory: RunDirectory, storage: FolderStorage, workload: WorkloadBase) -> None:
        self._directory = directory
        self._storage = storage
        self._workload = workload

    def run(self, plan: JobPlan, task: TaskPlan) -> Ending:
        """Run a task of this job from its input files to its output files.

        KeyboardInterrupt passes, and a debugger that is quit raises one.
        """
        root = self._directory.task(task.id)
        working_directory = root / "wd"
        working_directory.mkdir(parents=True, exist_ok=True)  # a retry finds what the first run left
        variables = self._variables(plan, task, root)
        with kept_streams(root / "stdout.txt", root / "stderr.txt"):
            try:
                for file in task.input_files:
                    self._bring(file, working_directory)
            except PreparationError as failure:
                return Ending(error=failure.error)
            except OSError as error:
                message = f"An input file can't be put in place: {error}"
                failed = TaskError(type="ResourceFileWriteFailed", category="ServerError", message=message)
                return Ending(error=failed)
            ending = self._run_command(task, variables, working_directory)
        if ending.exit_code is None:
            return ending
        return self._keep_outputs(task, working_directory, variables, ending)

    def is_own(self, task: TaskPlan) -> bool:
        """Whether the task runs in this process."""
        return self._own_command(task) is not None

    def _run_command(self, task: TaskPlan, variables: Mapping[str, str], directory: Path) -> Ending:
        own = self._own_command(task)
        if own is None:
            words, limit = words_of(task.command_line), task.max_wall_clock_time
            return run_program(words, variables=variables, directory=directory, time_limit=limit)
        with _at_home(directory, variables):
            ending = Ending.exited(own())
        if ending.error is not None and _was_quit(directory):
            raise KeyboardInterrupt
        return ending

    def _own_command(self, task: TaskPlan) -> Callable[[], int] | None:
        """What the task's command line calls in the workload, if it does."""
        line, repository = task.command_line, self._workload.entry_points
        if line == self._workload.command_line("finalize"):
            return partial(run_finalize, repository, os.environ)
        if line == self._workload.command_line("job-manager"):
            return partial(run_job_manager, self._workload, os.environ)
        any_task = re.escape(self._workload.command_line("task", _NAME)).replace(_NAME, r"(\w+)")
        found = re.fullmatch(any_task, line)
        return partial(run_task, repository, found[1], os.environ) if found else None

    def _variables(self, plan: JobPlan, task: TaskPlan, root: Path) -> dict[str, str]:
        told = {}
        if plan.reports_need is not None:
            told[REPORTS_URL_VARIABLE] = self._storage.blob_uri(plan.reports_need, REPORTS_FOLDER)
        if task.manifest_need is not None:
            told[MANIFEST_URL_VARIABLE] = self._storage.blob_uri(task.manifest_need, MANIFEST_BLOB)
        python = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
        return {
            **os.environ,
            "PATH": python,  # so that `python3` is the one that runs this
            "AZ_BATCH_JOB_ID": plan.job_id,
            "AZ_BATCH_TASK_ID": task.id,
            "AZ_BATCH_POOL_ID": plan.job.pool_id,
            "AZ_BATCH_NODE_ID": NODE_ID,
            "AZ_BATCH_NODE_SHARED_DIR": str(self._directory.shared),
            "AZ_BATCH_TASK_DIR": str(root),
            "AZ_BATCH_TASK_WORKING_DIR": str(root / "wd"),
            **plan.job.environment,
            **told,
            **task.environment,
        }

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

    def _keep_outputs(
        self, task: TaskPlan, directory: Path, variables: Mapping[str, str], ending: Ending
    ) -> Ending:
        for file in task.output_files:
            if (ending.exit_code == 0) not in _CONDITIONS[file.upload_condition]:
                continue
            try:
                self._keep(file, directory, variables)
            except OSError as error:
                message = f"{file.source_file_path} can't be kept as {file.blob_path}: {error}"
                failure = TaskError(type="FileUploadMiscError", category="UserError", message=message)
                return Ending(exit_code=ending.exit_code, error=failure)
        return ending

    def _keep(self, file: OutputFileSpecification, directory: Path, variables: Mapping[str, str]) -> None:
        for name, found in patterns.find(file.source_file_path, directory, variables).items():
            blob = f"{file.blob_path}/{name}".lstrip("/") if file.is_pattern else file.blob_path
            self._storage.keep(found, file.need, blob)


@contextmanager
def _at_home(directory: Path, variables: Mapping[str, str]) -> Iterator[None]:
    """Be in the task's directory and environment, and as before at the end, whatever the task has changed."""
    before, environment = Path.cwd(), dict(os.environ)
    streams = sys.stdin, sys.stdout, sys.stderr
    os.chdir(directory)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.chdir(before)
        os.environ.clear()
        os.environ.update(environment)
        sys.stdin, sys.stdout, sys.stderr = streams


def _was_quit(directory: Path) -> bool:
    """Whether the task ended because its debugger was quit: nobody wants to see the others then."""
    report = directory / TASK_ERROR_FILE
    return report.is_file() and json.loads(report.read_text(encoding="utf-8"))["type"] == "BdbQuit"


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
