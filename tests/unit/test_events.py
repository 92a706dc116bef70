"""Events are CloudEvents. The same fact always has the same id."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from batchmgr.model.batch_snapshots import TaskCounts, TaskSnapshot
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_record_parts import JobError, Run
from batchmgr.model.job_states import JobState
from batchmgr.model.waiting_for import ObstacleKind
from batchmgr.wire.events import (
    EVENT_TYPES,
    job_event,
    matches_notify,
    obstacle_events,
    progress_event,
    task_event_ids,
    task_events,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RECORD = JobRecord(
    job_id="Job-1",
    state=JobState.FAILED,
    workload="w",
    digest="d",
    created_at=NOW,
    updated_at=NOW,
    run=Run(total=4, counts=TaskCounts(completed=3, succeeded=2, failed=1, running=1)),
    error=JobError(code="C", message="M"),
)
TASK = TaskSnapshot(task_id="1", state="running", state_transition_time=NOW)


def test_an_event_is_a_complete_cloud_event() -> None:
    event = msgspec.json.decode(msgspec.json.encode(job_event(RECORD).numbered(7)))
    assert event == {
        "specversion": "1.0",
        "id": "jobs/Job-1/job.failed",
        "source": "/batchmgr",
        "type": "batchmgr.job.failed",
        "subject": "jobs/Job-1",
        "time": "2026-01-01T00:00:00Z",
        "datacontenttype": "application/json",
        "sequence": "0000000007",
        "data": {
            "jobId": "Job-1",
            "state": "failed",
            "workload": "w",
            "total": 4,
            "counts": {"active": 0, "running": 1, "completed": 3, "succeeded": 2, "failed": 1},
            "error": {"code": "C", "message": "M"},
        },
    }


def test_progress_has_the_fraction_and_the_same_id_for_the_same_counts() -> None:
    event = progress_event(RECORD)
    assert event.data["fraction"] == 0.75
    later = msgspec.structs.replace(RECORD, updated_at=datetime(2026, 1, 2, tzinfo=UTC))
    assert progress_event(later).id == event.id
    assert progress_event(RECORD.counted(NOW, TaskCounts(active=4))).id != event.id


def test_each_attempt_has_its_own_waiting_event() -> None:
    once = RECORD.put_off(NOW, ObstacleKind.BUSY, code="Q", reason="quota", until=NOW)
    twice = once.put_off(NOW, ObstacleKind.BUSY, code="Q", reason="quota", until=NOW)
    [first], [second] = obstacle_events(once), obstacle_events(twice)
    assert first.id != second.id
    assert (first.data["code"], first.data["reason"], second.data["attempt"]) == ("Q", "quota", 2)
    assert obstacle_events(RECORD) == []


@pytest.mark.parametrize(
    ("changes", "ids"),
    [
        ({}, ["task.running/0"]),
        ({"state": "preparing"}, []),
        ({"state": "active"}, []),
        ({"state": "completed", "result": "success"}, ["task.succeeded/0"]),
        ({"state": "completed", "result": "failure"}, ["task.failed/0"]),
        (
            {"state": "completed", "result": "failure", "retry_count": 2},
            ["task.retried/2", "task.failed/2"],
        ),
        ({"requeue_count": 1}, ["task.preempted/1", "task.running/1"]),
    ],
)
def test_a_snapshot_of_a_task_gives_these_events(changes: dict[str, object], ids: list[str]) -> None:
    events = task_events("Job-1", msgspec.structs.replace(TASK, **changes))
    assert [event.id for event in events] == [f"jobs/Job-1/tasks/1/{end}" for end in ids]
    assert all(event.subject == "jobs/Job-1/tasks/1" for event in events)
    assert {event.type for event in events} <= EVENT_TYPES


def test_a_run_that_an_earlier_poll_has_seen_is_not_told_again() -> None:
    begun = TASK.state_transition_time
    later = begun + timedelta(seconds=1)

    def told(since: datetime | None, **changes: object) -> list[str]:
        task = msgspec.structs.replace(TASK, start_time=begun, **changes)
        return [event.id.removeprefix("jobs/j/tasks/1/task.") for event in task_events("j", task, since)]

    assert told(begun) == ["running/0"]
    assert told(later) == []
    assert told(later, state="completed", result="failure") == ["failed/0"]
    retried = {"retry_count": 2, "last_retry_time": begun}
    assert told(begun, **retried) == ["retried/2", "running/2"]
    assert told(later, **retried) == []
    earlier = begun - timedelta(hours=1)
    requeued = {"requeue_count": 1, "last_requeue_time": earlier}
    assert told(begun, **requeued) == ["preempted/1", "running/1"]
    assert told(later, **requeued) == []
    assert told(begun, **requeued, **retried) == ["retried/2", "running/3"]
    assert told(earlier, **requeued, **retried) == ["preempted/1", "retried/2", "running/3"]
    assert told(None, **requeued, **retried) == ["preempted/1", "retried/2", "running/3"]


def test_the_ids_of_the_events_of_a_task_are_known_without_the_events() -> None:
    for changes in ({}, {"state": "active"}, {"retry_count": 1, "state": "completed", "result": "success"}):
        task = msgspec.structs.replace(TASK, **changes)
        assert [id_ for id_, _ in task_event_ids("j", task)] == [event.id for event in task_events("j", task)]


@pytest.mark.parametrize(
    ("patterns", "is_wanted"),
    [
        ((), True),
        (("job.*",), True),
        (("*",), True),
        (("job.failed", "task.*"), True),
        (("task.*",), False),
        (("job.succeeded",), False),
    ],
)
def test_notify_selects_events_by_pattern(patterns: tuple[str, ...], is_wanted: bool) -> None:
    assert matches_notify(job_event(RECORD), patterns) is is_wanted
