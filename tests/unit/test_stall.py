"""Why a job does not move: what counts as a reason, which one comes first, and when to look."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from batchmgr.model.batch_snapshots import BatchJob, NodeSnapshot, PoolSnapshot
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_states import JobState
from batchmgr.model.stall import MAX_NAMES, MAX_TEXT, Observation, find_stall, never_fits
from batchmgr.model.waiting_for import WaitingFor, Watch
from batchmgr.steps.watch import LONGEST_PAUSE, LOOK_PAUSE, QUIET, next_look_at

POOL = PoolSnapshot(pool_id="hpc", nodes=2, target_nodes=2)
JOB = BatchJob(state="active", pool_id="hpc")


def nodes(*states: str) -> tuple[NodeSnapshot, ...]:
    return tuple(NodeSnapshot(node_id=f"n{i}", state=state) for i, state in enumerate(states))


def code_of(job: BatchJob = JOB, pool: PoolSnapshot | None = POOL, **seen: object) -> str | None:
    stall = find_stall(Observation(job=job, pool=pool, **seen))  # type: ignore[arg-type]
    return stall.code if stall is not None else None


@pytest.mark.parametrize(
    "state",
    [
        "idle",
        "running",
        "creating",
        "starting",
        "waitingforstarttask",
        "rebooting",
        "reimaging",
        "upgradingos",
    ],
)
def test_one_node_that_works_or_comes_is_enough(state: str) -> None:
    assert code_of(nodes=nodes("unusable", state)) is None


@pytest.mark.parametrize(
    "state", ["unusable", "offline", "unknown", "leavingpool", "deallocated", "deallocating"]
)
def test_nodes_in_other_states_do_not_count(state: str) -> None:
    assert code_of(nodes=nodes(state, state)) == "NodesUnusable"


def test_a_pool_that_is_growing_is_waited_for() -> None:
    growing = replace(POOL, nodes=0, allocation_state="resizing")
    assert code_of(pool=growing) is None
    assert code_of(pool=replace(growing, nodes=1), nodes=nodes("unusable")) is None
    assert code_of(pool=replace(growing, nodes=2), nodes=nodes("unusable", "unusable")) == "NodesUnusable"


def test_a_pool_with_a_formula_may_be_empty_unless_it_gets_no_nodes() -> None:
    empty = replace(POOL, nodes=0, target_nodes=0, has_formula=True)
    assert code_of(pool=empty) is None
    assert code_of(pool=replace(empty, resize_error="quota")) == "ResizeFailed"
    assert code_of(pool=replace(empty, resize_error="quota", formula_error="x")) == "AutoscaleFailed"


def test_an_error_of_a_pool_that_has_nodes_is_no_reason() -> None:
    assert code_of(pool=replace(POOL, resize_error="quota"), nodes=nodes("idle")) is None


def test_an_auto_pool_that_is_not_there_yet_is_waited_for_unless_it_can_not_be_made() -> None:
    young = BatchJob(state="active")
    assert code_of(young, None) is None
    assert code_of(replace(young, scheduling_error="AutoPoolFailed: x"), None) == "JobSchedulingError"


def test_what_a_person_can_change_comes_before_what_nobody_can() -> None:
    assert code_of(replace(JOB, state="disabled"), None) == "JobDisabled"
    assert code_of(pool=None, deleted=["a"]) == "PoolNotFound"
    assert code_of(nodes=nodes("unusable"), deleted=["a"]) == "NodesUnusable"
    assert code_of(nodes=nodes("idle"), deleted=["a"], has_no_plan=True) == "PlanMissing"


def test_a_job_that_has_ended_waits_for_nothing() -> None:
    assert code_of(replace(JOB, state="completed"), None) is None


def test_one_usable_node_that_is_prepared_or_not_tried_yet_is_enough() -> None:
    failed = {"n0": "exit code 7", "gone": "exit code 7"}
    assert code_of(nodes=nodes("idle", "idle"), unprepared=failed) is None
    assert code_of(nodes=nodes("idle", "unusable"), unprepared=failed) == "JobPreparationFailed"


def test_reasons_are_short_whatever_azure_says_and_however_many_tasks_there_are() -> None:
    broken = replace(POOL, nodes=0, resize_error="x" * 10_000)
    stall = find_stall(Observation(job=JOB, pool=broken))
    assert stall is not None
    assert len(stall.reason) < MAX_TEXT + 100
    many = find_stall(Observation(job=JOB, pool=POOL, deleted=[f"{n:064d}" for n in range(1000)]))
    assert many is not None
    assert len(many.reason) < 64 * MAX_NAMES + 200
    assert f"and {1000 - MAX_NAMES} more" in many.reason


@pytest.mark.parametrize(
    ("pool", "slots", "instances", "expected"),
    [
        (POOL, 1, 1, False),
        (POOL, 2, 1, True),
        (replace(POOL, slots_per_node=4), 4, 1, False),
        (POOL, 1, 2, True),
        (replace(POOL, has_inter_node_communication=True), 1, 2, False),
        (replace(POOL, has_inter_node_communication=True), 1, 3, True),
        (replace(POOL, has_inter_node_communication=True, target_nodes=3), 1, 3, False),
        (replace(POOL, has_inter_node_communication=True, has_formula=True), 1, 3, False),
        (replace(POOL, has_inter_node_communication=True, slots_per_node=2), 1, 2, True),
    ],
)
def test_which_tasks_never_fit(pool: PoolSnapshot, slots: int, instances: int, expected: bool) -> None:
    assert never_fits(pool, slots, instances) is expected


START = datetime(2026, 1, 1, tzinfo=UTC)


def record(looked_after: timedelta | None = None, *, waits: bool = False) -> JobRecord:
    why = WaitingFor(code="JobDisabled", reason="r", advice="a", since=START)
    return JobRecord(
        job_id="j",
        state=JobState.RUNNING,
        workload="",
        digest="",
        created_at=START,
        updated_at=START,
        waiting_for=why if waits else None,
        watch=Watch(looked_at=START + looked_after if looked_after is not None else None),
    )


SECOND = timedelta(seconds=1)


def is_look_due(job: JobRecord, now: datetime, *, is_running: bool) -> bool:
    return now >= next_look_at(job, is_running=is_running)


def test_the_first_look_is_due_when_nothing_has_moved_for_a_while() -> None:
    for is_running in (False, True):
        assert not is_look_due(record(), START + QUIET - SECOND, is_running=is_running)
        assert is_look_due(record(), START + QUIET, is_running=is_running)


def test_the_next_look_is_due_after_a_minute_if_nothing_runs() -> None:
    assert not is_look_due(record(QUIET), START + QUIET + LOOK_PAUSE - SECOND, is_running=False)
    assert is_look_due(record(QUIET), START + QUIET + LOOK_PAUSE, is_running=False)


def test_looks_become_rare_while_tasks_run() -> None:
    looked, looks = QUIET, 1
    for seconds in range(30, 24 * 3600, 15):
        if is_look_due(record(looked), START + seconds * SECOND, is_running=True):
            looked, looks = seconds * SECOND, looks + 1
    assert looks <= 24 * 3600 * SECOND / LONGEST_PAUSE + 5


def test_a_job_that_waits_is_looked_at_as_soon_as_something_moves() -> None:
    assert is_look_due(record(-SECOND, waits=True), START, is_running=True)
    assert not is_look_due(record(-SECOND), START, is_running=True)
    assert not is_look_due(record(SECOND, waits=True), START + 2 * SECOND, is_running=True)
