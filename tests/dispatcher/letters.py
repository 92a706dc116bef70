"""A workload for tests. The job's inputs say which tasks it has and which of a few actions each one runs."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from batchmgr import (
    ContainerSettings,
    ExitConditions,
    ExitOptions,
    FinalizeTask,
    InputFileSpecification,
    InvalidInputError,
    JobManager,
    JobManagerBuilder,
    JobPreparationTask,
    OutputFileSpecification,
    WorkloadBase,
    WorkloadTask,
)

planned: list[str] = []
"""The ids of the jobs that `create_job` has planned."""


def succeed(task: WorkloadTask) -> None:
    sys.stdout.write(f"{task.context.task_id} is done\n")


def write(task: WorkloadTask) -> None:
    for name, text in task.inputs["files"].items():
        path = task.context.working_directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def join(task: WorkloadTask) -> None:
    files = sorted(path for path in Path().rglob("*.txt") if path.is_file())
    Path("joined").write_text("".join(f"{path.as_posix()}={path.read_text()};" for path in files))


def fail(task: WorkloadTask) -> None:
    Path("half.txt").write_text("half")
    raise ZeroDivisionError("nothing goes into nothing")


def refuse(task: WorkloadTask) -> None:
    raise InvalidInputError("the file is empty")


def leave(task: WorkloadTask) -> None:
    sys.exit(task.inputs["code"])


def fail_once(task: WorkloadTask) -> None:
    if not Path("again").exists():
        Path("again").touch()
        raise RuntimeError("not yet")


def speak(task: WorkloadTask) -> None:
    sys.stdout.write("printed\n")
    sys.stdout.buffer.write(b"bytes\n")
    logging.getLogger("letters").warning("logged")


def wander(task: WorkloadTask) -> None:
    facts = {name: value for name, value in os.environ.items() if name.startswith(("AZ_BATCH", "LETTER"))}
    sys.stdout.write(f"{Path.cwd()} {facts} {sys.argv}\n")
    os.chdir("/")
    os.environ["LEFT_BEHIND"] = "yes"
    sys.stdout = sys.stderr


def use_a_loop(task: WorkloadTask) -> None:
    asyncio.run(asyncio.sleep(0))


def report(task: WorkloadTask) -> None:
    task.report_progress(0.25, "a quarter")
    task.publish_result({"letters": 26})


def tally(task: WorkloadTask) -> None:
    assert isinstance(task, FinalizeTask)
    ends = [f"{one.id} {one.state} {one.result} {one.exit_code} {one.error}" for one in task.manifest.tasks]
    Path("tally").write_text("\n".join(ends))


def interrupt(task: WorkloadTask) -> None:
    os.kill(os.getpid(), signal.SIGINT)
    signal.pause()


ACTIONS: dict[str, Callable[[WorkloadTask], None]] = {
    action.__name__: action
    for action in (
        *(succeed, write, join, fail, refuse, leave, fail_once, speak, wander),
        *(use_a_loop, report, tally, interrupt),
    )
}


class ActTask(WorkloadTask):
    def run(self) -> None:
        ACTIONS[self.inputs["does"]](self)


class StrayTask(WorkloadTask):
    """A task type that is not registered."""

    def run(self) -> None: ...


class EndTask(FinalizeTask):
    def run(self) -> None:
        ACTIONS[self.inputs.get("does", "succeed")](self)


class LettersJobManager(JobManager):
    def create_job(self) -> None:
        planned.append(self.context.job_id)
        if "stray" in self.inputs:
            self.add_workload_task(StrayTask, {})
        if "broken" in self.inputs:
            raise KeyError("letters")
        tasks: Any = self.inputs.get("tasks", [])
        for one in tasks:
            self._act(one)
        if "container" in self.inputs:
            self.job.job_preparation_task = JobPreparationTask(command_line="/bin/true")
            self.tasks[0].container_settings = ContainerSettings(image_name=self.inputs["container"])
        end: Any = self.inputs.get("end", {})
        self.finalize_task.inputs = {"does": end.get("does", "succeed")}
        self._add_files(self.finalize_task, end)

    def _act(self, one: dict[str, Any]) -> None:
        inputs = {"does": "succeed", **{k: v for k, v in one.items() if k in ("does", "files", "code")}}
        task = self.add_workload_task(ActTask, inputs, [self.tasks[n - 1] for n in one.get("after", [])])
        task.display_name = one.get("name", "")
        task.environment = one.get("environment", {})
        task.max_task_retry_count = one.get("retries", 0)
        task.max_wall_clock_time = timedelta(seconds=one["limit"]) if "limit" in one else None
        if "then" in one:
            task.exit_conditions = ExitConditions(default=ExitOptions(**one["then"]))
        self._add_files(task, one)

    def _add_files(self, task: Any, one: dict[str, Any]) -> None:
        for target, source in one.get("in", {}).items():
            self._add_input(task, target, source)
        for source, (target, *when) in one.get("out", {}).items():
            task.output_files.append(
                OutputFileSpecification(
                    source_file_path=source,
                    container_name=self.context.container_name,
                    target_blob_path=target,
                    upload_condition=(when or ["taskSuccess"])[0],
                )
            )

    def _add_input(self, task: Any, target: str, source: str) -> None:
        if "://" in source:
            task.input_files.append(InputFileSpecification(http_url=source, target_file_path=target))
            return
        account, _, place = source.rpartition("@")
        container, _, path = place.partition("/")
        task.input_files.append(
            InputFileSpecification(
                storage_account_name=account,
                container_name=container or self.context.container_name,
                source_blob_path=path,
                target_file_path=target,
            )
        )


class LettersJobManagerBuilder(JobManagerBuilder):
    job_manager_type = LettersJobManager


class LettersWorkload(WorkloadBase):
    name = "letters"
    package = "letters"

    def __init__(self, batch_client: Any = None) -> None:
        super().__init__(batch_client, LettersJobManagerBuilder)
        self._entry_points_repository.register_entry_point(ActTask)
        self._entry_points_repository.register_finalize_task(EndTask)
