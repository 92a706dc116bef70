"""A workload whose tasks report or fail in different ways. Its package is written for the nodes."""

import sys
from pathlib import Path
from typing import Any

from batchmgr import InvalidJobError, JobManager, JobManagerBuilder, WorkloadBase
from tests.integration.messages import Json

ROOT = Path(__file__).parents[2]
PACKAGE = "reporting_package"
CODE = """
import errno, json, os, signal, time
from pathlib import Path
from batchmgr import Application, FinalizeTask, InvalidInputError, RetryableTaskError, WorkloadBase
from batchmgr import WorkloadTask


def wait_for(path):
    while not Path(path).exists():
        time.sleep(0.02)


class ReportTask(WorkloadTask):
    def run(self):
        self.report_progress(0.5, "half ✓")
        if "result" in self.inputs:
            self.publish_result(self.inputs["result"])
        if "gate" in self.inputs:
            wait_for(self.inputs["gate"])
        self.report_progress(1, "done")
        (self.context.working_directory / "out.txt").write_text(self.context.task_id)


class FailTask(WorkloadTask):
    def run(self):
        how = self.inputs["how"]
        if how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        raise {
            "bug": KeyError("k"),
            "input": InvalidInputError("the file is empty"),
            "retryable": RetryableTaskError("the licence server is busy"),
            "disk": OSError(errno.ENOSPC, "No space left on device"),
        }[how]


class ReportManifestTask(FinalizeTask):
    def run(self):
        if "sleep" in self.inputs:
            time.sleep(self.inputs["sleep"])
        tasks = [
            [t.id, t.state, t.result, t.exit_code, t.error, [o.url.split("/job-", 1)[1] for o in t.outputs]]
            for t in self.manifest.tasks
        ]
        self.publish_result({"tasks": tasks})
        if self.inputs.get("fails") == "once" and not Path(self.inputs["mark"]).exists():
            Path(self.inputs["mark"]).touch()
            raise RuntimeError("not at first")
        if self.inputs.get("fails") == "always":
            raise RuntimeError("cannot merge")


class ReportingWorkload(WorkloadBase):
    def __init__(self, batch_client=None):
        super().__init__(batch_client)
        for task_type in (ReportTask, FailTask):
            self._entry_points_repository.register_entry_point(task_type)
        self._entry_points_repository.register_finalize_task(ReportManifestTask)


if __name__ == "__main__":
    Application(ReportingWorkload()).run()
"""


def workload(directory: Path) -> type[WorkloadBase]:
    """Write the package into a directory. Return the workload class that plans its jobs.

    The inputs of a job are `tasks`, each with `type`, `inputs`, and perhaps `after` (indexes of other tasks),
    `retries` and `output`; and `finalize`, the inputs of the FinalizeTask.
    """
    package = directory / PACKAGE
    package.mkdir()
    (package / "__init__.py").write_text(CODE)
    (package / "__main__.py").write_text(f"from {PACKAGE} import *\nApplication(ReportingWorkload()).run()\n")
    namespace: dict[str, Any] = {"__name__": PACKAGE}
    exec(compile(CODE, PACKAGE, "exec"), namespace)
    base: type[WorkloadBase] = namespace["ReportingWorkload"]

    class Manager(JobManager):
        def create_job(self) -> None:
            self.job.environment["PYTHONPATH"] = f"{directory}:{ROOT}"
            for wanted in self.inputs["tasks"]:
                self._add_wanted(wanted)
            self.finalize_task.inputs.update(self.inputs.get("finalize", {}))
            self.finalize_task.max_task_retry_count = self.inputs.get("finalizeRetries", 0)

        def _add_wanted(self, wanted: Json) -> None:
            from batchmgr import OutputFileSpecification

            after = [self.tasks[place] for place in wanted.get("after", [])]
            if wanted["type"] not in namespace:
                raise InvalidJobError("no such type", field="inputs.tasks")
            task = self.add_workload_task(namespace[wanted["type"]], wanted.get("inputs", {}), after)
            task.max_task_retry_count = wanted.get("retries", 0)
            if "output" in wanted:
                task.output_files.append(
                    OutputFileSpecification(
                        source_file_path=wanted["output"],
                        container_name=self.context.container_name,
                        target_blob_path=f"{task.id}/{wanted['output']}",
                    )
                )

    class Builder(JobManagerBuilder):
        job_manager_type = Manager

    class Planned(base):  # type: ignore[misc, valid-type]
        name = "reporting"
        package = PACKAGE
        python = sys.executable

        def __init__(self, batch_client: Any = None) -> None:
            super().__init__(batch_client)
            self._job_manager_builder_type = Builder

    return Planned


def report(**inputs: Any) -> Json:
    """Return a task that reports progress."""
    return {"type": "ReportTask", "inputs": inputs}


def fail(how: str, **fields: Any) -> Json:
    """Return a task that fails in this way."""
    return {"type": "FailTask", "inputs": {"how": how}, **fields}


def job(*tasks: Json, **inputs: Any) -> Json:
    """Return the message of a job with these tasks."""
    return {"jobId": "j", "workload": "reporting", "inputs": {"tasks": list(tasks), **inputs}}
