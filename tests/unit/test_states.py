"""The table of states."""

from datetime import UTC, datetime, timedelta
from itertools import product

import msgspec
import pytest

from batchmgr.errors import IllegalTransitionError
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_states import TRANSITIONS, JobState, may_follow
from batchmgr.wire.adf_callback import STATUS_CODES

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RECORD = JobRecord(
    job_id="j", state=JobState.QUEUED, workload="w", digest="d", created_at=NOW, updated_at=NOW
)
FINAL = {s for s in JobState if s.is_final}


def test_every_state_is_in_the_table_and_every_end_is_reached_from_somewhere() -> None:
    assert set(TRANSITIONS) == set(JobState)
    reached = set().union(*TRANSITIONS.values())
    assert reached == set(JobState) - {JobState.QUEUED}


def test_nothing_follows_an_end_and_every_end_has_a_status_for_the_caller() -> None:
    assert {"succeeded", "failed", "partial", "cancelled", "timed_out", "rejected"} == {*FINAL}
    assert not any(may_follow(source, target) for source, target in product(FINAL, JobState))
    assert set(STATUS_CODES) == FINAL


@pytest.mark.parametrize(("source", "target"), list(product(JobState, JobState)))
def test_a_record_moves_only_as_the_table_allows(source: JobState, target: JobState) -> None:
    record = msgspec.structs.replace(RECORD, state=source)
    later = NOW + timedelta(seconds=1)
    if may_follow(source, target):
        moved = record.advance(target, later, attempts=2)
        assert (moved.state, moved.updated_at, moved.attempts) == (target, later, 2)
    else:
        with pytest.raises(IllegalTransitionError, match=f"is {source}; it cannot become {target}"):
            record.advance(target, later)


def test_a_record_survives_json() -> None:
    full = msgspec.structs.replace(RECORD, metadata={"a": "ü"}, notify=("job.*",), attempts=3)
    assert msgspec.json.decode(msgspec.json.encode(full), type=JobRecord) == full


def test_a_record_that_waits_for_a_retry_is_not_quiet_before_it() -> None:
    waiting = RECORD.change(NOW, retry_at=NOW + timedelta(minutes=5))
    pause = timedelta(seconds=30)
    assert RECORD.is_quiet_for(pause, NOW + timedelta(seconds=31))
    assert not waiting.is_quiet_for(pause, NOW + timedelta(seconds=31))
    assert waiting.is_quiet_for(pause, NOW + timedelta(minutes=5, seconds=31))
