import json
import sys
from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchmgr import (
    ApplicationPackageReference,
    EntryPointsRepository,
    FinalizeTask,
    InputFileSpecification,
    InvalidInputError,
    InvalidJobError,
    JobContext,
    JobManager,
    JobManagerBuilder,
    JobSpecification,
    OutputFileSpecification,
    WorkloadBase,
    WorkloadTask,
)
from batchmgr.plan.job_plan import JobPlan
from batchmgr.workload.draft_from_workload import draft_from_workload
from tests.plans import complete


class CountTask(WorkloadTask):
    def run(self) -> None: ...


class OtherTask(WorkloadTask):
    def run(self) -> None: ...


def plan(create_job: Callable[[JobManager], object], inputs: dict[str, object] | None = None) -> JobPlan:
    class Manager(JobManager):
        def create_job(self) -> None:
            create_job(self)

    class Builder(JobManagerBuilder):
        job_manager_type = Manager

    class CountWorkload(WorkloadBase):
        package = "counting"

        def __init__(self) -> None:
            super().__init__(job_manager_builder_type=Builder)
            self._entry_points_repository.register_entry_point(CountTask)

    job = JobSpecification(pool_id="hpc", max_wall_clock_time=timedelta(hours=6))
    draft = draft_from_workload(CountWorkload(), JobContext(job_id="count-001", inputs=inputs or {}, job=job))
    return complete("count-001", draft, '{"jobId":"count-001"}')


def test_a_specification_becomes_a_batch_task() -> None:
    def create_job(manager: JobManager) -> None:
        task = manager.add_workload_task(CountTask, {"k": 6, "word": "été"})
        task.display_name = "the one"
        task.environment["LEGACY_HOME"] = "/opt/legacy"
        task.max_task_retry_count = 2
        task.max_wall_clock_time = timedelta(minutes=5)
        task.required_slots = 3

    job = plan(create_job)
    assert (job.job_id, job.job.pool_id, job.job.max_wall_clock_time) == (
        "count-001",
        "hpc",
        timedelta(hours=6),
    )
    (task,) = job.tasks
    assert task.command_line == "python3 -m counting task CountTask"
    assert task.environment["LEGACY_HOME"] == "/opt/legacy"
    assert task.environment["BATCHMGR_TASK_INPUTS"].isascii()
    assert json.loads(task.environment["BATCHMGR_TASK_INPUTS"]) == {"k": 6, "word": "été"}
    assert (task.id, task.display_name, task.is_leaf) == ("1", "the one", True)
    assert (task.max_task_retry_count, task.required_slots) == (2, 3)
    assert task.max_wall_clock_time == timedelta(minutes=5)


def test_the_files_of_a_specification_become_those_of_the_batch_task() -> None:
    source = InputFileSpecification(
        storage_account_name="genomes",
        container_name="public",
        source_blob_path="lambda.fa",
        target_file_path="genome.fa",
        identity_reference="/identities/reader",
    )
    target = OutputFileSpecification(
        source_file_path="counts.tsv",
        storage_account_name="results",
        container_name="counted",
        target_blob_path="counts.tsv",
        task_id="1",
        identity_reference="/identities/writer",
    )

    def create_job(manager: JobManager) -> None:
        task = manager.add_workload_task(CountTask, {})
        task.input_files.append(source)
        task.output_files.append(target)

    (task,) = plan(create_job).tasks
    assert task.input_files == (source,)
    assert task.output_files == (target,)
    assert target.blob_path == "1/counts.tsv"


def test_the_finalize_task_comes_last_and_leaves_the_finalize_blob() -> None:
    def create_job(manager: JobManager) -> None:
        first = manager.add_workload_task(CountTask, {})
        manager.add_workload_task(CountTask, {}, [first])
        manager.finalize_task.inputs["top"] = 20
        manager.finalize_task.input_files.append(
            InputFileSpecification(
                container_name="job-count-001", source_blob_path="counts/", target_file_path="parts"
            )
        )
        manager.finalize_task.output_files.append(
            OutputFileSpecification(
                source_file_path="sum.tsv", container_name="job-count-001", target_blob_path="sum.tsv"
            )
        )

    job = plan(create_job)
    finalize = job.finalize_task
    assert [*job.all_tasks][-1] is finalize
    assert finalize.id == "batchmgr-finalize"
    assert finalize.command_line == "python3 -m counting finalize"
    assert finalize.depends_on == ("2",)
    assert json.loads(finalize.environment["BATCHMGR_TASK_INPUTS"]) == {"top": 20}
    assert finalize.environment["BATCHMGR_FINALIZE"] == '{"jobId":"count-001"}'
    assert finalize.input_files[0].is_prefix
    assert [file.source_file_path for file in finalize.output_files] == ["sum.tsv", "batchmgr-finalize.json"]
    assert finalize.output_files[-1] == OutputFileSpecification(
        source_file_path="batchmgr-finalize.json",
        target_blob_path="count-001.json",
        container_name="batchmgr-finalize",
        upload_condition="taskCompletion",
    )


@given(st.lists(st.sets(st.integers(0, 11), max_size=4), min_size=1, max_size=12))
def test_the_finalize_task_waits_for_exactly_the_tasks_that_no_other_waits_for(graph: list[set[int]]) -> None:
    def create_job(manager: JobManager) -> None:
        for index, wanted in enumerate(graph):
            manager.add_workload_task(CountTask, {}, [manager.tasks[i] for i in wanted if i < index])

    job = plan(create_job)
    awaited = {task_id for task in job.tasks for task_id in task.depends_on}
    assert [task.id for task in job.tasks] == [str(i + 1) for i in range(len(graph))]
    assert all(int(task_id) < int(task.id) for task in job.tasks for task_id in task.depends_on)
    assert {task.id for task in job.tasks if not task.is_leaf} == awaited
    assert {*job.finalize_task.depends_on} == {task.id for task in job.tasks} - awaited


def test_a_task_type_sets_the_retry_count_of_its_tasks_and_a_specification_overrides_it() -> None:
    class FetchTask(CountTask):
        max_task_retry_count = 3

    class ReportTask(FinalizeTask):
        max_task_retry_count = 1

    repository = EntryPointsRepository()
    repository.register_entry_point(CountTask)
    repository.register_entry_point(FetchTask)
    repository.register_finalize_task(ReportTask)
    manager = JobManager(JobContext(job_id="count-001"), repository)
    manager.add_workload_task(CountTask, {})
    manager.add_workload_task(FetchTask, {})
    manager.add_workload_task(FetchTask, {}).max_task_retry_count = 5
    assert [task.max_task_retry_count for task in (*manager.tasks, manager.finalize_task)] == [0, 3, 5, 1]


def test_inputs_are_those_given_when_the_task_was_added() -> None:
    def create_job(manager: JobManager) -> None:
        shared: dict[str, int] = {}
        for window in range(2):
            shared["window"] = window
            manager.add_workload_task(CountTask, shared)

    inputs = [json.loads(task.environment["BATCHMGR_TASK_INPUTS"]) for task in plan(create_job).tasks]
    assert inputs == [{"window": 0}, {"window": 1}]


def test_a_task_type_that_is_not_registered_is_refused_with_the_line_to_add() -> None:
    with pytest.raises(InvalidJobError, match=r"register_entry_point\(OtherTask\)"):
        plan(lambda manager: manager.add_workload_task(OtherTask, {}))


def test_inputs_that_are_not_json_are_refused_with_the_name_of_the_task() -> None:
    for value in (object(), float("nan"), {1, 2}):
        with pytest.raises(InvalidJobError, match="task '1' \\(CountTask\\) are not JSON") as caught:
            plan(lambda manager, value=value: manager.add_workload_task(CountTask, {"v": value}))  # type: ignore[misc]
        assert caught.value.field == "tasks[0].inputs"


def test_inputs_of_more_than_32_kib_are_refused_with_what_to_do_instead() -> None:
    # {"v":"…"} is the text and eight characters around it.
    plan(lambda manager: manager.add_workload_task(CountTask, {"v": "x" * (32 * 1024 - 8)}))
    with pytest.raises(InvalidJobError, match="put the data in a blob"):
        plan(lambda manager: manager.add_workload_task(CountTask, {"v": "x" * (32 * 1024 - 7)}))


def test_a_job_without_tasks_is_refused() -> None:
    with pytest.raises(InvalidJobError, match="without tasks"):
        plan(lambda manager: None)


def test_a_task_cannot_wait_for_itself_in_a_cycle_or_for_a_task_of_another_job() -> None:
    def itself(manager: JobManager) -> None:
        task = manager.add_workload_task(CountTask, {})
        task.depends_on.append(task)

    def circle(manager: JobManager) -> None:
        first = manager.add_workload_task(CountTask, {})
        first.depends_on.append(manager.add_workload_task(CountTask, {}, [first]))

    def finalize(manager: JobManager) -> None:
        manager.add_workload_task(CountTask, {}, [manager.finalize_task])

    with pytest.raises(InvalidJobError, match="tasks wait for each other: 1 → 1"):
        plan(itself)
    with pytest.raises(InvalidJobError, match="tasks wait for each other: 1 → 2 → 1"):
        plan(circle)
    with pytest.raises(InvalidJobError, match="was not added to this job"):
        plan(finalize)


@pytest.mark.parametrize("task_id", ["", "a b", "batchmgr-finalize", "x" * 65])
def test_an_id_that_batch_or_batchmgr_cannot_take_is_refused(task_id: str) -> None:
    def create_job(manager: JobManager) -> None:
        manager.add_workload_task(CountTask, {}).id = task_id

    with pytest.raises(InvalidJobError) as caught:
        plan(create_job)
    assert caught.value.field == "tasks[0].id"


def test_two_tasks_of_one_id_are_refused() -> None:
    def create_job(manager: JobManager) -> None:
        manager.add_workload_task(CountTask, {}).id = "a"
        manager.add_workload_task(CountTask, {}).id = "A"

    with pytest.raises(InvalidJobError, match="'A' is taken by 'a': Azure Batch ignores case"):
        plan(create_job)


@pytest.mark.parametrize(
    ("name", "value", "field"),
    [("max_task_retry_count", -2, "maxTaskRetryCount"), ("required_slots", 0, "requiredSlots")],
)
def test_a_limit_out_of_range_is_refused(name: str, value: int, field: str) -> None:
    def create_job(manager: JobManager) -> None:
        setattr(manager.add_workload_task(CountTask, {}), name, value)

    with pytest.raises(InvalidJobError) as caught:
        plan(create_job)
    assert caught.value.field == f"tasks[0].{field}"


def test_a_file_that_is_refused_is_named_with_its_task() -> None:
    def create_job(manager: JobManager) -> None:
        manager.add_workload_task(CountTask, {})
        task = manager.add_workload_task(CountTask, {})
        task.input_files.append(
            InputFileSpecification(target_file_path="../x", http_url="https://a.example/x")
        )

    with pytest.raises(InvalidJobError) as caught:
        plan(create_job)
    assert caught.value.field == "tasks[1].inputFiles[0].targetFilePath"


def test_an_exception_of_the_workloads_code_is_the_error_of_the_job() -> None:
    def wrong_job(manager: JobManager) -> None:
        raise InvalidJobError("must be positive", field="inputs.k")

    def wrong_input(manager: JobManager) -> None:
        raise InvalidInputError("no genome")

    def bug(manager: JobManager) -> None:
        len(5)  # type: ignore[arg-type]

    def exits(manager: JobManager) -> None:
        sys.exit("no licence")

    with pytest.raises(InvalidJobError, match=r"raised SystemExit: no licence"):
        plan(exits)
    with pytest.raises(InvalidJobError, match=r"^inputs\.k: must be positive$"):
        plan(wrong_job)
    with pytest.raises(InvalidJobError, match=r"^inputs: no genome$"):
        plan(wrong_input)
    with pytest.raises(InvalidJobError, match=r"workload 'counting' raised TypeError: .*len") as caught:
        plan(bug)
    assert isinstance(caught.value.__cause__, TypeError)


def test_a_workload_without_a_job_manager_says_so() -> None:
    class BareWorkload(WorkloadBase): ...

    with pytest.raises(InvalidJobError, match="no create_job"):
        draft_from_workload(BareWorkload(), JobContext(job_id="j"))


def test_two_task_types_of_one_name_are_refused() -> None:
    class Twice(WorkloadBase):
        def __init__(self) -> None:
            super().__init__()
            self._entry_points_repository.register_entry_point(CountTask)
            self._entry_points_repository.register_entry_point(CountTask)

    with pytest.raises(ValueError, match="Two task types are named CountTask"):
        Twice()


def test_a_workload_is_named_and_started_by_its_own_package_unless_it_says_otherwise() -> None:
    class Base(WorkloadBase):
        name = "base"
        package = "company.base"

    class Derived(Base): ...

    assert (Base.name, Base.package) == ("base", "company.base")
    assert Derived.name == Derived.package == __name__.partition(".")[0]


def test_a_registered_finalize_task_replaces_the_default_one() -> None:
    class MergeTask(FinalizeTask): ...

    class MergingWorkload(WorkloadBase):
        def __init__(self) -> None:
            super().__init__()
            self._entry_points_repository.register_finalize_task(MergeTask)

    assert MergingWorkload().entry_points.finalize_entry_point.task_type is MergeTask


def test_the_workload_s_own_package_is_installed_for_its_tasks_and_for_no_program() -> None:
    package = ApplicationPackageReference(application_id="counting", version="1.0")

    class Manager(JobManager):
        def create_job(self) -> None:
            self.add_workload_task(CountTask, {}).application_packages.append(package)
            self.add_workload_task(CountTask, {})
            self.add_command_task("solver --fast")

    class Builder(JobManagerBuilder):
        job_manager_type = Manager

    class PackagedWorkload(WorkloadBase):
        application_package = package

        def __init__(self) -> None:
            super().__init__(job_manager_builder_type=Builder)
            self._entry_points_repository.register_entry_point(CountTask)

    draft = draft_from_workload(PackagedWorkload(), JobContext(job_id="count-001"))
    assert [task.application_packages for task in draft.tasks] == [(package,), (package,), ()]
    assert draft.finalize_task.application_packages == (package,)
    assert "$AZ_BATCH_APP_PACKAGE_counting_1_0" in draft.finalize_task.command_line


def test_inputs_that_are_not_a_mapping_are_refused_with_their_type() -> None:
    with pytest.raises(InvalidJobError, match="the inputs of a CountTask must be a mapping, not list"):
        plan(lambda manager: manager.add_workload_task(CountTask, ["a.txt"]))  # type: ignore[arg-type]
