"""Runs a task on this machine: copies its input files, runs its command, and copies its output files."""

import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from batchmgr.dispatcher.capture_output import capture_output
from batchmgr.dispatcher.folder_storage import FolderStorage
from batchmgr.dispatcher.memory_job import NODE_ID, TaskExit
from batchmgr.dispatcher.run_directory import RunDirectory
from batchmgr.dispatcher.run_program import run_program, split_command_line
from batchmgr.dispatcher.task_file_transfer import TaskFileTransfer
from batchmgr.errors import TaskPreparationError
from batchmgr.model.batch_snapshots import TaskError
from batchmgr.plan.job_plan import (
    MANIFEST_BLOB,
    MANIFEST_URL_VARIABLE,
    REPORTS_FOLDER,
    REPORTS_URL_VARIABLE,
    TASK_ERROR_FILE,
    TRACE_VARIABLE,
    JobPlan,
    TaskPlan,
)
from batchmgr.workload.job_manager_command import run_job_manager
from batchmgr.workload.task_command import run_finalize, run_task
from batchmgr.workload.workload_base import WorkloadBase

_NAME = "NAME_OF_A_TASK"


class LocalNode:
    """Runs tasks, one at a time, in the calling thread.

    Tasks of `workload` run in this process. Any other command line runs as a child process.
    """

    def __init__(self, directory: RunDirectory, storage: FolderStorage, workload: WorkloadBase) -> None:
        self._directory = directory
        self._storage = storage
        self._files = TaskFileTransfer(storage)
        self._workload = workload

    def run(self, plan: JobPlan, task: TaskPlan) -> TaskExit:
        """Run a task of this job: copy its input files, run its command, and copy its output files.

        Raises KeyboardInterrupt after Ctrl-C, and also when the user quits a debugger in the task.
        """
        root = self._directory.task(task.id)
        working_directory = root / "wd"
        working_directory.mkdir(parents=True, exist_ok=True)  # a retry finds the files of the first run
        variables = self._variables(plan, task, root)
        with capture_output(root / "stdout.txt", root / "stderr.txt"):
            try:
                self._files.copy_inputs(task, working_directory)
            except TaskPreparationError as error:
                return TaskExit(error=TaskError(type=error.code, category="UserError", message=str(error)))
            task_exit = self._run_command(task, variables, working_directory)
        if task_exit.exit_code is None:
            return task_exit
        failure = self._files.copy_outputs(
            task, working_directory, variables, succeeded=task_exit.exit_code == 0
        )
        return TaskExit(exit_code=task_exit.exit_code, error=failure) if failure else task_exit

    def runs_in_process(self, task: TaskPlan) -> bool:
        """Return whether the task runs in this process."""
        return self._workload_call(task) is not None

    def _run_command(self, task: TaskPlan, variables: Mapping[str, str], directory: Path) -> TaskExit:
        call = self._workload_call(task)
        if call is None:
            words, limit = split_command_line(task.command_line), task.max_wall_clock_time
            return run_program(words, variables=variables, directory=directory, time_limit=limit)
        with _task_surroundings(directory, variables):
            task_exit = TaskExit.exited(call())
        if task_exit.error is not None and _quit_debugger(directory):
            raise KeyboardInterrupt
        return task_exit

    def _workload_call(self, task: TaskPlan) -> Callable[[], int] | None:
        """Return the workload's function that the command line starts; None for any other command line."""
        line, repository = task.command_line, self._workload.entry_points
        if line == self._workload.command_line("finalize"):
            return partial(run_finalize, repository, os.environ)
        if line == self._workload.command_line("job-manager"):
            return partial(run_job_manager, self._workload, os.environ)
        any_task = re.escape(self._workload.command_line("task", _NAME)).replace(_NAME, r"(\w+)")
        found = re.fullmatch(any_task, line)
        return partial(run_task, repository, found[1], os.environ) if found else None

    def _variables(self, plan: JobPlan, task: TaskPlan, root: Path) -> dict[str, str]:
        blob_uris = {}
        if plan.reports_need is not None:
            blob_uris[REPORTS_URL_VARIABLE] = self._storage.blob_uri(plan.reports_need, REPORTS_FOLDER)
        if task.manifest_need is not None:
            blob_uris[MANIFEST_URL_VARIABLE] = self._storage.blob_uri(task.manifest_need, MANIFEST_BLOB)
        python = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
        return {
            **os.environ,
            "PATH": python,  # so that `python3` is this interpreter
            "AZ_BATCH_JOB_ID": plan.job_id,
            "AZ_BATCH_TASK_ID": task.id,
            "AZ_BATCH_POOL_ID": plan.job.pool_id,
            "AZ_BATCH_NODE_ID": NODE_ID,
            "AZ_BATCH_NODE_SHARED_DIR": str(self._directory.shared),
            "AZ_BATCH_TASK_DIR": str(root),
            "AZ_BATCH_TASK_WORKING_DIR": str(root / "wd"),
            **({TRACE_VARIABLE: plan.traceparent} if plan.traceparent else {}),
            **plan.job.environment,
            **blob_uris,
            **task.environment,
        }


@contextmanager
def _task_surroundings(directory: Path, variables: Mapping[str, str]) -> Iterator[None]:
    """Set the task's directory and environment; at the end restore them and the streams."""
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


def _quit_debugger(directory: Path) -> bool:
    """Return whether the user quit a debugger in the task. The job is then cancelled."""
    path = directory / TASK_ERROR_FILE
    if not path.is_file():
        return False
    report = json.loads(path.read_text(encoding="utf-8"))
    # Since Python 3.14 the debugger calls exit() itself.
    return report["type"] == "BdbQuit" or "in do_quit\n" in report["traceback"]
