"""The bodies of requests to Azure Batch."""

import json
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchmgr.batch_bodies.job_body import job_body
from batchmgr.batch_bodies.task_body import dependencies, duration, task_body
from batchmgr.batch_bodies.task_collections import task_collections
from batchmgr.errors import InvalidJobError
from batchmgr.model.container_access import ContainerAccess
from batchmgr.plan.file_specifications import ContainerNeed, InputFileSpecification, OutputFileSpecification
from batchmgr.plan.ids import without_leading_zeros
from batchmgr.plan.job_plan import JobDraft, JobPlan, TaskPlan
from batchmgr.plan.job_specification import JobSpecification
from batchmgr.plan.task_options import UserIdentity
from fakebatch.model.task_dependencies import TaskDependencies
from tests.plans import complete

INPUT = InputFileSpecification(container_name="in", source_blob_path="a b/g#1.fa", target_file_path="g.fa")
PREFIX = InputFileSpecification(container_name="in", source_blob_path="counts/", target_file_path="windows")
URL = InputFileSpecification(http_url="https://host/x?y=1", target_file_path="x")
OUTPUT = OutputFileSpecification(container_name="out", source_file_path="*.tsv", target_blob_path="t")
OWN_USER = {"autoUser": {"scope": "task", "elevationLevel": "nonadmin"}}
ACCESS = {
    ContainerNeed(container_name="in"): ContainerAccess(url="https://blob/in", query="sig=1"),
    ContainerNeed(container_name="out", is_written=True): ContainerAccess(
        url="https://blob/out", identity_reference="/id/1"
    ),
}


def test_every_property_of_a_task_is_in_its_body() -> None:
    task = TaskPlan(
        id="1",
        command_line="run",
        display_name="One",
        environment={"A": "$(x)"},
        input_files=(INPUT, PREFIX, URL),
        output_files=(OUTPUT,),
        depends_on=("2", "3", "x"),
        max_task_retry_count=2,
        max_wall_clock_time=timedelta(hours=1, seconds=1),
        required_slots=4,
        is_leaf=False,
    )
    container = {
        "containerUrl": "https://blob/out",
        "path": "t",
        "identityReference": {"resourceId": "/id/1"},
    }
    assert task_body(task, ACCESS) == {
        "id": "1",
        "commandLine": "run",
        "displayName": "One",
        "constraints": {"maxTaskRetryCount": 2, "maxWallClockTime": "PT3601S"},
        "environmentSettings": [{"name": "A", "value": "$(x)"}],
        "resourceFiles": [
            {"httpUrl": "https://blob/in/a%20b/g%231.fa?sig=1", "filePath": "g.fa"},
            {
                "storageContainerUrl": "https://blob/in?sig=1",
                "blobPrefix": "counts/",
                "filePath": "windows",
            },
            {"httpUrl": "https://host/x?y=1", "filePath": "x"},
        ],
        "outputFiles": [
            {
                "filePattern": "*.tsv",
                "destination": {"container": container},
                "uploadOptions": {"uploadCondition": "taskSuccess"},
            }
        ],
        "dependsOn": {"taskIds": ["x"], "taskIdRanges": [{"start": 2, "end": 3}]},
        "requiredSlots": 4,
        "userIdentity": OWN_USER,
    }


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        (None, OWN_USER),
        (UserIdentity(elevation_level="admin"), {"autoUser": {"scope": "task", "elevationLevel": "admin"}}),
        (UserIdentity(scope="pool"), {"autoUser": {"scope": "pool", "elevationLevel": "nonadmin"}}),
        (UserIdentity(user_name="ann"), {"username": "ann"}),
    ],
)
def test_tasks_share_a_user_only_if_they_ask_for_it(asked: UserIdentity | None, sent: dict[str, Any]) -> None:
    assert task_body(TaskPlan(id="1", command_line="run", user_identity=asked), {})["userIdentity"] == sent


def test_only_leaves_satisfy_their_dependents_after_a_failure() -> None:
    leaf = task_body(TaskPlan(id="1", command_line="x"), {})
    satisfy = {"dependencyAction": "satisfy"}
    assert leaf["exitConditions"] == {
        "default": satisfy,
        "preProcessingError": satisfy,
        "fileUploadError": satisfy,
    }
    assert "exitConditions" not in task_body(TaskPlan(id="1", command_line="x", is_leaf=False), {})


def test_a_job_body_keeps_the_job_open_for_its_tasks() -> None:
    plan = JobPlan(
        job_id="j",
        job=JobSpecification(pool_id="p", max_wall_clock_time=timedelta(hours=6)),
        tasks=(),
        finalize_task=TaskPlan(id="f", command_line="x"),
    )
    assert job_body(plan, {}, "d" * 64) == {
        "id": "j",
        "poolInfo": {"poolId": "p"},
        "usesTaskDependencies": True,
        "onAllTasksComplete": "noaction",
        "onTaskFailure": "noaction",
        "metadata": [{"name": "batchmgr:digest", "value": "d" * 64}],
        "constraints": {"maxWallClockTime": "PT21600S"},
    }


@given(st.lists(st.integers(0, 50) | st.sampled_from(["a", "01", "b-1"]), unique_by=str, max_size=40))
def test_dependencies_name_exactly_the_parents(parents: list[int | str]) -> None:
    body = dependencies([str(parent) for parent in parents])
    named: list[str] = body.get("taskIds", [])  # type: ignore[assignment]
    ranges: list[dict[str, int]] = body.get("taskIdRanges", [])  # type: ignore[assignment]
    covered = [str(n) for span in ranges for n in range(span["start"], span["end"] + 1)]
    assert sorted([*named, *covered]) == sorted(map(str, parents))
    for one, other in pairwise(ranges):
        assert one["end"] + 1 < other["start"]


IDS = st.sampled_from(["1", "01", "001", "2", "02", "3", "0", "00", "x", "-1"])


@given(st.lists(IDS, min_size=2, unique=True), st.data())
def test_a_task_starts_only_when_every_task_that_it_waits_for_has_ended(
    ids: list[str], data: st.DataObject
) -> None:
    parents = data.draw(st.lists(st.sampled_from(ids), min_size=1, unique=True))
    planned = [TaskPlan(id=task_id, command_line="x") for task_id in ids]
    last = TaskPlan(id="last", command_line="x", depends_on=tuple(parents))
    draft = JobDraft(
        job=JobSpecification(pool_id="p"),
        tasks=(*planned, last),
        finalize_task=TaskPlan(id="", command_line="x"),
    )
    if {without_leading_zeros(task_id) for task_id in ids if task_id.startswith("0")} & set(ids) - {"0"} or (
        "0" in ids and "00" in ids
    ):
        with pytest.raises(InvalidJobError, match="are the same number"):
            complete("j", draft, "{}")
        return
    complete("j", draft, "{}")
    graph = TaskDependencies()
    graph.add("last", dependencies(parents))
    waits_for = set(parents)
    for task_id in data.draw(st.permutations(ids)):
        released = graph.satisfy(task_id)
        waits_for.discard(task_id)
        assert graph.is_waiting("last") == bool(waits_for)
        assert not released or not waits_for


def test_a_hundred_thousand_integer_ids_are_one_range() -> None:
    ids = [str(n) for n in range(1, 100_001)]
    assert dependencies(ids) == {"taskIdRanges": [{"start": 1, "end": 100_000}]}


def tasks(number: int, size: int) -> list[TaskPlan]:
    return [TaskPlan(id=str(n), command_line="x" * size) for n in range(number)]


@given(st.integers(0, 450), st.sampled_from([10, 9_000, 40_000]))
def test_collections_stay_within_the_limits_and_keep_the_order(number: int, size: int) -> None:
    collections = list(task_collections(tasks(number, size), {}))
    assert [collection.end for collection in collections[-1:]] == [number] * bool(number)
    bodies = [collection.body for collection in collections]
    decoded = [json.loads(body)["value"] for body in bodies]
    assert [task["id"] for page in decoded for task in page] == [str(n) for n in range(number)]
    assert all(len(page) <= 100 for page in decoded)
    assert all(len(body) < 1_000_000 for body in bodies)
    if size == 10:
        assert len(bodies) == -(-number // 100)


def test_a_task_larger_than_a_request_is_rejected() -> None:
    with pytest.raises(InvalidJobError, match="task '0' is larger than the 1 MB"):
        list(task_collections(tasks(1, 1_000_000), {}))


def test_durations_are_iso_8601() -> None:
    assert duration(timedelta(days=2, seconds=0.5)) == "P2DT0.5S"
