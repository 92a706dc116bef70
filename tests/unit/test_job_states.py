"""The table of states, and the record that follows it."""

from datetime import UTC, datetime, timedelta
from itertools import product

import msgspec
import pytest

from batchmgr.errors import IllegalTransitionError
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_record_parts import Submission
from batchmgr.model.job_states import TRANSITIONS, JobState, may_follow
from batchmgr.model.waiting_for import ObstacleKind
from batchmgr.wire.adf_callback import STATUS_CODES

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RECORD = JobRecord(
    job_id="j", state=JobState.QUEUED, workload="w", digest="d", created_at=NOW, updated_at=NOW
)
FINAL = {s for s in JobState if s.is_final}


def test_every_state_is_in_the_table_and_can_be_reached() -> None:
    assert set(TRANSITIONS) == set(JobState)
    reached = set().union(*TRANSITIONS.values())
    assert reached == set(JobState) - {JobState.QUEUED}


def test_no_state_follows_a_final_one_and_every_final_one_has_a_callback_status() -> None:
    assert {"succeeded", "failed", "partial", "cancelled", "timed_out", "rejected"} == {*FINAL}
    assert not any(may_follow(source, target) for source, target in product(FINAL, JobState))
    assert set(STATUS_CODES) == FINAL


NEXT_STATES = [state for state in JobState if state is not JobState.QUEUED]


def moved(record: JobRecord, target: JobState, now: datetime) -> JobRecord:
    """Return the record after the change that leads to this state."""
    match target:
        case JobState.SUBMITTING:
            return record.submitting(now)
        case JobState.RUNNING:
            return record.submitted(now)
        case JobState.FINALIZING:
            return record.finalizing(now)
    return record.ended(now, target, error=None)


def test_no_job_becomes_queued() -> None:
    assert not any(may_follow(source, JobState.QUEUED) for source in JobState)


@pytest.mark.parametrize(("source", "target"), list(product(JobState, NEXT_STATES)))
def test_a_record_changes_state_only_as_the_table_allows(source: JobState, target: JobState) -> None:
    record = msgspec.structs.replace(RECORD, state=source)
    later = NOW + timedelta(seconds=1)
    if may_follow(source, target):
        after = moved(record, target, later)
        assert (after.state, after.updated_at) == (target, later)
    else:
        with pytest.raises(IllegalTransitionError, match=f"is {source}; it cannot become {target}"):
            moved(record, target, later)


def test_a_record_is_unchanged_by_a_round_trip_through_json() -> None:
    full = msgspec.structs.replace(
        RECORD, metadata={"a": "ü"}, notify=("job.*",), submission=Submission(attempts=3)
    )
    assert msgspec.json.decode(msgspec.json.encode(full), type=JobRecord) == full


def test_a_record_is_not_idle_before_its_retry_is_due() -> None:
    waiting = RECORD.put_off(
        NOW, ObstacleKind.BUSY, code="Q", reason="quota", until=NOW + timedelta(minutes=5)
    )
    pause = timedelta(seconds=30)
    assert RECORD.is_idle_for(pause, NOW + timedelta(seconds=31))
    assert not waiting.is_idle_for(pause, NOW + timedelta(seconds=31))
    assert waiting.is_idle_for(pause, NOW + timedelta(minutes=5, seconds=31))
