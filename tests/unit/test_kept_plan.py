"""A plan that was written down and read again is the same plan, with every field."""

from collections.abc import Iterable
from dataclasses import MISSING, Field, fields, is_dataclass, replace
from datetime import timedelta
from tempfile import TemporaryFile
from typing import Any

import pytest

from batchmgr import (
    ApplicationPackageReference,
    AutoPoolSpecification,
    ContainerSettings,
    ExitCodeMapping,
    ExitCodeRangeMapping,
    ExitConditions,
    ExitOptions,
    ImageReference,
    InputFileSpecification,
    InvalidJobError,
    JobPreparationTask,
    JobReleaseTask,
    JobSpecification,
    MultiInstanceSettings,
    OutputFileSpecification,
    UserIdentity,
)
from batchmgr.plan.file_specifications import ContainerNeed
from batchmgr.plan.job_plan import JobPlan, TaskPlan
from batchmgr.steps.kept_tasks import index_lines
from batchmgr.steps.record_tasks import TaskRecorder
from batchmgr.wire.kept_plan import (
    NOT_A_LEAF,
    decode_plan,
    decode_tasks,
    encode_rest,
    encode_task,
    leaf_mark,
)

HOUR = timedelta(hours=1, microseconds=1)
INPUT = InputFileSpecification(
    target_file_path="é\n.txt",
    container_name="in",
    source_blob_path="a/",
    storage_account_name="other",
    identity_reference="/i",
    http_url="https://x",
    file_mode="0777",
)
OUTPUT = OutputFileSpecification(
    source_file_path="*.txt",
    container_name="out",
    target_blob_path="p",
    storage_account_name="other",
    task_id="t",
    identity_reference="/i",
    upload_condition="taskCompletion",
)
ACTS = ExitOptions(job_action="terminate", dependency_action="satisfy")
CONTAINER = ContainerSettings(
    image_name="ubuntu",
    container_run_options="--rm",
    working_directory="containerImageDefault",
    registry_server="r",
    registry_identity_reference="/i",
)
PACKAGE = ApplicationPackageReference(application_id="solver", version="4")
USER = UserIdentity(user_name="u", scope="pool", elevation_level="admin")
TASK = TaskPlan(
    id="7",
    command_line='x "y" \u2028 \r\n z',
    display_name="n",
    environment={"A": "b", "JSON": '{"is_leaf":true}'},
    input_files=(INPUT,),
    output_files=(OUTPUT,),
    depends_on=("1", "2"),
    max_task_retry_count=-1,
    max_wall_clock_time=HOUR,
    retention_time=timedelta(days=3),
    required_slots=2,
    exit_conditions=ExitConditions(
        exit_codes=(ExitCodeMapping(code=1, exit_options=ACTS),),
        exit_code_ranges=(ExitCodeRangeMapping(start=2, end=3, exit_options=ACTS),),
        pre_processing_error=ACTS,
        file_upload_error=ACTS,
        default=ACTS,
    ),
    container_settings=CONTAINER,
    user_identity=USER,
    application_packages=(PACKAGE,),
    multi_instance_settings=MultiInstanceSettings(
        number_of_instances=2, coordination_command_line="c", common_input_files=(INPUT,)
    ),
    manifest_need=ContainerNeed(
        container_name="c",
        storage_account_name="s",
        identity_reference="/i",
        is_written=True,
        only_blob="b",
        is_dispensable=True,
    ),
    is_leaf=False,
)
JOB = JobSpecification(
    pool_id="p",
    auto_pool=AutoPoolSpecification(
        vm_size="v",
        image=ImageReference(
            publisher="p", offer="o", sku="s", version="1", virtual_machine_image_id="/image"
        ),
        node_agent_sku_id="n",
        target_dedicated_nodes=1,
        target_low_priority_nodes=2,
        autoscale_formula="f",
        autoscale_evaluation_interval=HOUR,
        task_slots_per_node=2,
        enable_inter_node_communication=True,
        start_task_command_line="s",
        application_packages=(PACKAGE,),
        container_image_names=("ubuntu",),
        subnet_id="/subnet",
        keep_alive=True,
    ),
    max_wall_clock_time=HOUR,
    priority=5,
    max_parallel_tasks=6,
    environment={"A": "b"},
    job_preparation_task=JobPreparationTask(
        command_line="x",
        environment={"A": "b"},
        input_files=(INPUT,),
        max_task_retry_count=3,
        max_wall_clock_time=HOUR,
        retention_time=HOUR,
        container_settings=CONTAINER,
        user_identity=USER,
        wait_for_success=False,
        rerun_on_node_reboot_after_success=False,
    ),
    job_release_task=JobReleaseTask(
        command_line="x",
        environment={"A": "b"},
        input_files=(INPUT,),
        max_wall_clock_time=HOUR,
        retention_time=HOUR,
        container_settings=CONTAINER,
        user_identity=USER,
    ),
)
PLAN = JobPlan(
    job_id="Job-1",
    job=JOB,
    tasks=(TASK,),
    finalize_task=TASK,
    examples=(TASK,),
    gathering_tasks=(TASK,),
    job_manager_task=TASK,
    can_report=True,
    has_own_finalize=True,
    files_of="first",
    completes="before",
    keep_streams="taskFailure",
    traceparent="00-1-2-01",
)


def left_at_default(value: object, path: str = "") -> Iterable[str]:
    """Yield the fields, at any depth, that have their default: a test of them would show nothing."""
    if isinstance(value, tuple):
        for item in value:
            yield from left_at_default(item, path)
    if not is_dataclass(value) or isinstance(value, type):
        return
    for item in fields(value):
        given = getattr(value, item.name)
        if given == default_of(item):
            yield f"{path}.{item.name}"
        yield from left_at_default(given, f"{path}.{item.name}")


def default_of(item: "Field[Any]") -> object:
    return item.default_factory() if item.default_factory is not MISSING else item.default


def test_a_task_is_the_same_with_every_field() -> None:
    assert list(left_at_default(TASK)) == []
    assert decode_tasks(encode_task(TASK)) == [TASK]


def test_a_task_is_marked_where_it_stands_as_one_that_others_wait_for() -> None:
    leaf, other = replace(TASK, is_leaf=True), replace(TASK, id="8", is_leaf=True)
    lines = bytearray(encode_task(leaf) + encode_task(other))
    place = leaf_mark(len(encode_task(leaf)))
    lines[place : place + len(NOT_A_LEAF)] = NOT_A_LEAF
    assert decode_tasks(bytes(lines)) == [TASK, other]


def test_each_task_is_one_line() -> None:
    with TemporaryFile() as file:
        file.write(encode_task(TASK) + encode_task(TASK) + encode_rest(PLAN))
        assert len(index_lines(file)) == 3


def test_the_rest_of_a_plan_is_the_same_with_every_field() -> None:
    assert list(left_at_default(PLAN)) == []
    found = decode_plan(encode_rest(PLAN), PLAN.tasks, PLAN.traceparent)
    assert found == PLAN
    assert b"00-1-2-01" not in encode_rest(PLAN)


def recorded(*tasks: TaskPlan) -> TaskRecorder:
    recorder = TaskRecorder("job-1")
    recorder.record(iter(tasks))
    return recorder


def test_the_first_task_with_a_result_is_an_example_although_others_write_to_its_container() -> None:
    of_failure = OutputFileSpecification(
        source_file_path="a", container_name="out", target_blob_path="a", upload_condition="taskFailure"
    )
    log = TaskPlan(id="1", command_line="x", output_files=(of_failure,))
    result = replace(log, id="2", output_files=(replace(of_failure, upload_condition="taskSuccess"),))
    recorder = recorded(log, result)
    assert [task.id for task in recorder.examples] == ["1", "2"]


def test_examples_are_the_tasks_that_have_something_new_for_the_job() -> None:
    plain = TaskPlan(id="1", command_line="x")
    out = OutputFileSpecification(source_file_path="a", container_name="out", target_blob_path="a")
    tasks = [
        plain,
        replace(plain, id="2"),
        replace(plain, id="3", required_slots=4),
        replace(plain, id="4", output_files=(out,)),
        replace(plain, id="5", output_files=(replace(out, target_blob_path="b"),)),
        replace(plain, id="6", depends_on=("5",)),
        replace(plain, id="7", exit_conditions=ExitConditions(default=ACTS)),
        replace(plain, id="8", command_line="x" * 200_000),
        replace(plain, id="9", command_line="x" * 150_000),
        replace(plain, id="10", container_settings=CONTAINER),
    ]
    recorder = recorded(*tasks)
    assert [task.id for task in recorder.examples] == ["1", "3", "4", "7", "8", "10"]
    assert recorder.leaves == ("1", "2", "3", "4", "6", "7", "8", "9", "10")


def test_a_recorder_keeps_the_ids_of_many_tasks_and_nothing_else() -> None:
    made = (TaskPlan(id=f"{number}", command_line=f"x {number}") for number in range(1, 1001))
    recorder = TaskRecorder("job-1")
    kept = recorder.record(made)
    assert [task.command_line for task in kept] == [f"x {number}" for number in range(1, 1001)]
    assert len(recorder.examples) == 1


@pytest.mark.parametrize(
    ("tasks", "field"),
    [
        ([("1", ()), ("1", ())], "tasks[1].id"),
        ([("a", ()), ("A", ())], "tasks[1].id"),
        ([("4", ()), ("04", ())], "tasks[1].id"),
        ([("04", ()), ("4", ())], "tasks[0].id"),
        ([("1", ("1",))], "tasks"),
        ([("1", ("2",)), ("2", ("1",))], "tasks"),
        ([("1", ()), ("2", ("1", "3"))], "tasks[1].dependsOn[1]"),
        ([("a", ()), ("b", ("A",))], "tasks[1].dependsOn[0]"),
        ([("1", ()), ("2", tuple(f"{n:064d}x"[-64:] for n in range(1001)))], "tasks[1].dependsOn"),
    ],
)
def test_rules_between_tasks_hold_while_they_are_recorded(
    tasks: list[tuple[str, tuple[str, ...]]], field: str
) -> None:
    with pytest.raises(InvalidJobError) as caught:
        recorded(*(TaskPlan(id=task_id, command_line="x", depends_on=after) for task_id, after in tasks))
    assert caught.value.field == field


def test_tasks_may_wait_for_tasks_that_come_later() -> None:
    recorder = recorded(
        TaskPlan(id="1", command_line="x", depends_on=("2", "3")),
        TaskPlan(id="2", command_line="x", depends_on=("3",)),
        TaskPlan(id="3", command_line="x"),
    )
    assert recorder.leaves == ("1",)
