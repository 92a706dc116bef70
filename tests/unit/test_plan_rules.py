"""A job that Azure Batch would refuse is rejected when it is planned, from a message or from a workload."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest

from batchmgr import (
    ApplicationPackageReference,
    ContainerSettings,
    InvalidJobError,
    JobContext,
    JobManager,
    JobManagerBuilder,
    JobSpecification,
    TaskSpecification,
    WorkloadBase,
)
from batchmgr.adapters.workload_registry import WorkloadRegistry
from batchmgr.dispatcher.single_workload_registry import SingleWorkloadRegistry
from batchmgr.steps.check_message import check_message
from batchmgr.steps.plan_job import plan_job
from batchmgr.steps.record_tasks import TaskRecorder
from batchmgr.wire.job_message import JobMessage, decode_job
from batchmgr.workload.draft_from_workload import draft_from_workload
from tests.plans import complete
from tests.unit.invalid_case import Author, InvalidCase, change, change_job, pool
from tests.unit.invalid_ids_and_files import FILES, IDS
from tests.unit.invalid_jobs import JOBS
from tests.unit.invalid_task_options import OPTIONS

WORKLOADS_ONLY = [
    InvalidCase(
        name="inputs that are too large",
        author=change(task_type="CountTask", inputs={"v": "x" * 40_000}),
        field="tasks[0].inputs",
        words="take 40008 bytes as JSON, more than 32768; put the data in a blob",
    ),
    InvalidCase(
        name="inputs that are no JSON",
        author=change(task_type="CountTask", inputs={"v": object()}),
        field="tasks[0].inputs",
        words="are not JSON",
    ),
]

ALL = [*IDS, *FILES, *OPTIONS, *JOBS]


def names(cases: list[InvalidCase]) -> list[str]:
    return [case.name for case in cases]


def sent(body: bytes, default_pool_id: str) -> None:
    """Plan the job of a message."""
    message = decode_job(body)
    check_message(message)
    plan_job("j", message, workloads=WorkloadRegistry({}), default_pool_id=default_pool_id)


@pytest.mark.parametrize("case", ALL, ids=names(ALL))
def test_an_invalid_message_is_rejected_with_the_field_and_what_to_change(case: InvalidCase) -> None:
    given = {"tasks": [{"id": "1", "commandLine": "x", **case.task}], **case.job}
    default = "" if "poolId" in case.job else "hpc"
    if "autoPool" in case.job:
        default = ""
    with pytest.raises(InvalidJobError, match=case.words) as caught:
        sent(json.dumps({"jobId": "j", **given}).encode(), default)
    assert caught.value.field == case.field


def planned(author: Author) -> None:
    """Plan the job of a workload with one task that this author changes."""

    class Manager(JobManager):
        def create_job(self) -> None:
            author(self, self.add_command_task("x"))

    class Builder(JobManagerBuilder):
        job_manager_type = Manager

    workload = WorkloadBase(job_manager_builder_type=Builder)
    draft = draft_from_workload(workload, JobContext(job_id="j", job=JobSpecification(pool_id="hpc")))
    complete("j", draft, "{}")


def planned_in_a_file(author: Author) -> None:
    """Plan the same job as the app does: its tasks are checked as they come."""

    class Manager(JobManager):
        def create_job(self) -> Iterator[TaskSpecification]:
            task = self.add_command_task("x")
            author(self, task)
            yield task

    class Builder(JobManagerBuilder):
        job_manager_type = Manager

    workload = WorkloadBase(job_manager_builder_type=Builder)
    plan_job(
        "j",
        JobMessage(workload="w", pool_id="hpc"),
        workloads=SingleWorkloadRegistry(workload),
        default_pool_id="",
        recorder=TaskRecorder("j"),
    )


IN_WORKLOADS = [case for case in (*ALL, *WORKLOADS_ONLY) if case.author is not None]


@pytest.mark.parametrize("case", IN_WORKLOADS, ids=names(IN_WORKLOADS))
def test_an_invalid_workload_job_is_rejected_with_the_field_and_what_to_change(case: InvalidCase) -> None:
    assert case.author is not None
    with pytest.raises(InvalidJobError, match=case.words) as caught:
        planned(case.author)
    assert caught.value.field == case.field


@pytest.mark.parametrize("case", IN_WORKLOADS, ids=names(IN_WORKLOADS))
def test_an_invalid_task_that_comes_in_a_stream_is_rejected_like_any_other(case: InvalidCase) -> None:
    assert case.author is not None
    with pytest.raises(InvalidJobError, match=case.words) as caught:
        planned_in_a_file(case.author)
    assert caught.value.field == case.field


def test_a_task_that_does_not_fit_to_the_others_of_a_stream_is_named_by_its_place() -> None:
    def author(manager: JobManager, task: TaskSpecification) -> None:
        tasks = [task, *(manager.add_command_task("x") for _ in range(4))]
        for one in (*tasks[:3], tasks[4]):
            one.container_settings = ContainerSettings(image_name="ubuntu")

    with pytest.raises(InvalidJobError, match="required, since this pool") as caught:
        planned_in_a_file(author)
    assert caught.value.field == "tasks[3].containerSettings"


def test_values_at_the_limits_are_accepted() -> None:
    planned(change(display_name="x" * 1024, required_slots=256, max_task_retry_count=-1))
    planned(change(environment={"A": "x" * (128 * 1024 - 3)}, max_wall_clock_time=timedelta(days=10_675_199)))
    planned(change_job(priority=-1000, max_parallel_tasks=1))
    packages = tuple(ApplicationPackageReference(application_id=f"a{n}") for n in range(10))
    planned(change_job(auto_pool=pool(application_packages=packages, task_slots_per_node=256)))


def test_an_application_package_of_a_pool_can_be_named_by_its_resource_id() -> None:
    account = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Batch/batchAccounts/a"
    package = ApplicationPackageReference(application_id=f"{account}/applications/solver", version="4.2.0")
    planned(change_job(auto_pool=pool(application_packages=(package,))))
    with pytest.raises(InvalidJobError, match="must be 1 to 64 of"):
        planned(change(application_packages=[package]))
