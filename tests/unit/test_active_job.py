"""Which active jobs are due at a poll follows from their entries and the times alone."""

from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from batchmgr.model.active_job import LONGEST_PAUSE, ActiveJob, pause_after
from batchmgr.model.job_states import JobState

START = datetime(2026, 1, 1, tzinfo=UTC)
TICK = timedelta(seconds=15)
HOUR = timedelta(hours=1)
RUNNING = ActiveJob(job_id="job-1", state=JobState.RUNNING, moved_at=START, look_at=START + 10 * HOUR)


def polls(job: ActiveJob, begin: datetime, duration: timedelta) -> int:
    """Return how often the job is due at polls every 15 seconds."""
    ticks = [begin + number * TICK for number in range(1, int(duration / TICK) + 1)]
    return sum(job.is_due(now, now - TICK) for now in ticks)


def test_a_job_of_which_nothing_is_known_is_always_due() -> None:
    assert ActiveJob(job_id="job-1").is_due(START, START - TICK)


def test_a_job_that_has_just_changed_is_due_at_each_poll() -> None:
    assert polls(RUNNING, START, timedelta(seconds=45)) == 3


def test_a_job_that_does_not_change_is_due_more_and_more_rarely_up_to_once_a_minute() -> None:
    counts = [polls(RUNNING, START + minutes * LONGEST_PAUSE, LONGEST_PAUSE) for minutes in range(20)]
    assert counts[0] == 4
    assert sum(counts[1:3]) <= 6
    assert sum(counts[6:]) == len(counts[6:])
    assert 55 <= polls(RUNNING, START + HOUR, HOUR) <= 61
    assert [pause_after(timedelta(minutes=m)).seconds for m in (0, 2, 5, 7, 600)] == [0, 20, 40, 60, 60]


def test_jobs_that_do_not_change_are_spread_over_the_minute() -> None:
    jobs = [replace(RUNNING, job_id=f"job-{number}") for number in range(1000)]
    for number in range(4):
        now = START + HOUR + number * TICK
        assert 150 <= sum(job.is_due(now, now - TICK) for job in jobs) <= 350


def test_without_an_earlier_poll_every_job_is_due() -> None:
    assert RUNNING.is_due(START + HOUR, None)


def test_a_job_that_waits_is_due_when_its_record_has_to_be_looked_into() -> None:
    waiting = replace(RUNNING, state=JobState.QUEUED, look_at=START + HOUR)
    assert polls(waiting, START, timedelta(minutes=59)) == 0
    assert waiting.is_due(START + HOUR, START + HOUR - TICK)


def test_a_job_that_somebody_else_polls_is_left_alone() -> None:
    busy = replace(RUNNING, rest_until=START + LONGEST_PAUSE, look_at=None)
    assert polls(busy, START, timedelta(seconds=45)) == 0
    assert busy.is_due(START + LONGEST_PAUSE, None)
