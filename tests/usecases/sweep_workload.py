"""A workload whose `create_job` counts how often it runs, and never makes the same job twice."""

from collections.abc import Iterator
from dataclasses import replace

from batchmgr import (
    FinalizeTask,
    JobManager,
    JobManagerBuilder,
    OutputFileSpecification,
    TaskSpecification,
    WorkloadBase,
    WorkloadTask,
)
from batchmgr.dispatcher.single_workload_registry import SingleWorkloadRegistry
from batchmgr.wire.job_message import JobMessage
from tests.world import CALLBACK, World


class SweepTask(WorkloadTask):
    def run(self) -> None: ...


class SweepFinalizeTask(FinalizeTask):
    def run(self) -> None: ...


class Sweep:
    """How often the job was created, and how: `works` is False for a workload that was broken since."""

    def __init__(self, *, streamed: bool = True) -> None:
        self.created = 0
        self.works = True
        self.streamed = streamed

    def workload(self) -> WorkloadBase:
        sweep = self

        class Manager(JobManager):
            def create_job(self) -> Iterator[TaskSpecification] | None:
                sweep.created += 1
                assert sweep.works, "another version of the workload"
                made = self._tasks()
                if sweep.streamed:
                    return made
                for _ in made:
                    pass
                return None

            def _tasks(self) -> Iterator[TaskSpecification]:
                cases = []
                for number in range(self.inputs.get("cases", 3)):
                    case = self.add_workload_task(SweepTask, {"case": number, "run": sweep.created})
                    case.output_files.append(
                        OutputFileSpecification(
                            source_file_path="out.txt",
                            container_name=self.context.container_name,
                            target_blob_path=f"run-{sweep.created}/{number}.txt",
                        )
                    )
                    cases.append(case)
                    yield case
                yield self.add_command_task("/bin/true", cases)

        class Builder(JobManagerBuilder):
            job_manager_type = Manager

        class SweepWorkload(WorkloadBase):
            name = "sweep"
            package = "sweep"

            def __init__(self) -> None:
                super().__init__(job_manager_builder_type=Builder)
                self._entry_points_repository.register_entry_point(SweepTask)
                self._entry_points_repository.register_finalize_task(SweepFinalizeTask)

        return SweepWorkload()

    def world(self) -> World:
        """Return a world in which the workload is installed."""
        world = World()
        world.ports = replace(world.ports, workloads=SingleWorkloadRegistry(self.workload()))
        return world


def sweep_message(cases: int = 3) -> JobMessage:
    """Return a job message of the workload."""
    return JobMessage(job_id="job-1", workload="sweep", inputs={"cases": cases}, call_back_uri=CALLBACK)
