"""This machine as a node: a task's files are brought, its command is run, and what it leaves is kept."""

import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from batchmgr.dispatcher.batch import NODE_ID, Ending
from batchmgr.dispatcher.programs import run_program, words_of
from batchmgr.dispatcher.run_directory import RunDirectory
from batchmgr.dispatcher.storage import FolderStorage
from batchmgr.dispatcher.streams import kept_streams
from batchmgr.dispatcher.task_files import PreparationError, TaskFiles
from batchmgr.plan.job_plan import (
    MANIFEST_BLOB,
    MANIFEST_URL_VARIABLE,
    REPORTS_FOLDER,
    REPORTS_URL_VARIABLE,
    TASK_ERROR_FILE,
    JobPlan,
    TaskPlan,
)
from batchmgr.workload.job_manager_command import run_job_manager
from batchmgr.workload.task_command import run_finalize, run_task
from batchmgr.workload.workload_base import WorkloadBase

_NAME = "NAME_OF_A_TASK"


class Node:
    """Runs tasks, one at a time, in the calling thread.

    Tasks of `workload` run in this process; any other command line as a process of its own.
    """

    def __init__(self, directory: RunDirectory, storage: FolderStorage, workload: WorkloadBase) -> None:
        self._directory = directory
        self._storage = storage
        self._files = TaskFiles(storage)
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
                self._files.bring(task, working_directory)
            except PreparationError as reason:
                return Ending(error=reason.error)
            ending = self._run_command(task, variables, working_directory)
        if ending.exit_code is None:
            return ending
        failure = self._files.keep(task, working_directory, variables, succeeded=ending.exit_code == 0)
        return Ending(exit_code=ending.exit_code, error=failure) if failure else ending

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
    path = directory / TASK_ERROR_FILE
    if not path.is_file():
        return False
    report = json.loads(path.read_text(encoding="utf-8"))
    # From Python 3.14 on, the debugger calls exit() itself.
    return report["type"] == "BdbQuit" or "in do_quit\n" in report["traceback"]
