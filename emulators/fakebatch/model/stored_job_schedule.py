"""A job schedule, when it creates jobs, and the transitions of its state.

A schedule has occurrences: the first at `doNotRunUntil` or when the schedule is created, each later one a
`recurrenceInterval` after the one before. At an occurrence an opportunity to create a job opens; it is lost
when the start window closes, or when the next occurrence comes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias

from fakebatch.errors import BatchError
from fakebatch.wire import durations, timestamps

ScheduleState: TypeAlias = Literal["active", "completed", "disabled", "terminating", "deleting"]

FOREVER: Final = durations.INFINITE
"""The end of an opportunity that stays open until it is used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredJobSchedule:
    """A job schedule; times are in ticks.

    `spec` is its properties as the service stores them. `next_at` is the time of the next occurrence, if any,
    `last_at` that of the last one, `open_until` the end of the opportunity that is open, if one is, and
    `jobs_created` the number of the schedule's latest job.
    """

    id: str
    spec: Mapping[str, Any]
    created_at: int
    last_modified: int
    state_since: int
    next_at: int | None
    last_at: int | None = None
    open_until: int | None = None
    state: ScheduleState = "active"
    previous_state: ScheduleState | None = None
    previous_state_since: int | None = None
    ended_at: int | None = None
    jobs_created: int = 0

    @property
    def recent_job_id(self) -> str | None:
        """The job the schedule created last."""
        return f"{self.id}:job-{self.jobs_created}" if self.jobs_created else None

    @property
    def interval(self) -> int | None:
        """The ticks between occurrences; None where there is only one."""
        return _ticks(self.spec, "recurrenceInterval")

    @property
    def deadline(self) -> int | None:
        """The time after which no job is created."""
        text = self.spec["schedule"].get("doNotRunAfter")
        return None if text is None else timestamps.from_iso(text)


def _ticks(spec: Mapping[str, Any], name: str) -> int | None:
    text = spec["schedule"].get(name)
    return None if text is None else durations.parse(text)


def _first(spec: Mapping[str, Any], now: int) -> int:
    text = spec["schedule"].get("doNotRunUntil")
    return now if text is None else max(now, timestamps.from_iso(text))


def created(spec: Mapping[str, Any], now: int) -> StoredJobSchedule:
    """Return a new schedule."""
    return StoredJobSchedule(
        id=spec["id"],
        spec=spec,
        created_at=now,
        last_modified=now,
        state_since=now,
        next_at=_first(spec, now),
    )


def advanced(schedule: StoredJobSchedule, now: int) -> StoredJobSchedule:
    """Return the schedule as time has passed: with the occurrences until now behind it."""
    if schedule.next_at is not None and schedule.next_at <= now:
        schedule = _occurred(schedule, now)
    deadline = FOREVER if schedule.deadline is None else schedule.deadline
    if schedule.next_at is not None and schedule.next_at > deadline:
        schedule = replace(schedule, next_at=None)
    if schedule.open_until is not None and now >= min(schedule.open_until, deadline):
        schedule = replace(schedule, open_until=None)
    return schedule


def _occurred(schedule: StoredJobSchedule, now: int) -> StoredJobSchedule:
    at, interval = schedule.next_at or now, schedule.interval
    if interval is not None:
        at += (now - at) // interval * interval
    ends = [at + length for length in (_ticks(schedule.spec, "startWindow"), interval) if length is not None]
    return replace(
        schedule,
        last_at=at,
        next_at=None if interval is None else at + interval,
        open_until=min([*ends, FOREVER]),
    )


def is_due(schedule: StoredJobSchedule) -> bool:
    """Whether a job is to be created as soon as none of the schedule is active."""
    return schedule.state == "active" and schedule.open_until is not None


def next_moment(schedule: StoredJobSchedule, now: int) -> int | None:
    """Return when time alone will next change the schedule, if ever."""
    moments = (schedule.next_at, schedule.open_until, schedule.deadline)
    return min((at for at in moments if at is not None and now < at < FOREVER), default=None)


def job_created(schedule: StoredJobSchedule) -> StoredJobSchedule:
    """Return the schedule as it uses its opportunity."""
    return replace(schedule, open_until=None, jobs_created=schedule.jobs_created + 1)


def completed_if_over(schedule: StoredJobSchedule, now: int) -> StoredJobSchedule:
    """Return the schedule while none of its jobs is active: completed if it will create no more."""
    over = schedule.next_at is None and schedule.open_until is None
    if schedule.state == "terminating" or (schedule.state == "active" and over):
        return replace(_moved(schedule, "completed", now), ended_at=now, next_at=None, open_until=None)
    return schedule


def _moved(schedule: StoredJobSchedule, state: ScheduleState, now: int) -> StoredJobSchedule:
    if schedule.state == "terminating":
        return replace(schedule, state=state, state_since=now)
    return replace(
        schedule,
        state=state,
        state_since=now,
        previous_state=schedule.state,
        previous_state_since=schedule.state_since,
    )


def with_properties(schedule: StoredJobSchedule, changes: Mapping[str, Any], now: int) -> StoredJobSchedule:
    """Return the schedule with some properties replaced; a new timing counts from the last occurrence."""
    refuse_if_over(schedule)
    changed = replace(schedule, spec={**schedule.spec, **changes}, last_modified=now)
    if "schedule" not in changes:
        return changed
    if changed.last_at is None:
        return replace(changed, next_at=_first(changed.spec, now))
    if changed.interval is None:
        return replace(changed, next_at=None)
    return replace(changed, next_at=max(changed.last_at + changed.interval, _first(changed.spec, 0)))


def disabled(schedule: StoredJobSchedule, now: int) -> StoredJobSchedule:
    """Return the schedule as a user stops it from creating jobs."""
    refuse_if_over(schedule)
    if schedule.state == "disabled":
        raise BatchError("JobScheduleDisabled")
    return replace(_moved(schedule, "disabled", now), last_modified=now)


def enabled(schedule: StoredJobSchedule, now: int) -> StoredJobSchedule:
    """Return the schedule as a user lets it create jobs again."""
    refuse_if_over(schedule)
    if schedule.state == "active":
        return replace(schedule, last_modified=now)
    return replace(_moved(schedule, "active", now), last_modified=now)


def terminated(schedule: StoredJobSchedule, now: int) -> StoredJobSchedule:
    """Return the schedule as a user asks for its end."""
    refuse_if_over(schedule)
    return replace(_moved(schedule, "terminating", now), last_modified=now)


def deleted(schedule: StoredJobSchedule, now: int) -> StoredJobSchedule:
    """Return the schedule as a user asks to remove it. Raises BatchError(JobScheduleBeingDeleted)."""
    if schedule.state == "deleting":
        raise BatchError("JobScheduleBeingDeleted")
    return _moved(schedule, "deleting", now)


def refuse_if_over(schedule: StoredJobSchedule) -> None:
    """Raise the BatchError that tells in what way the schedule is over, if it is."""
    match schedule.state:
        case "completed":
            raise BatchError("JobScheduleCompleted")
        case "terminating":
            raise BatchError("JobScheduleBeingTerminated")
        case "deleting":
            raise BatchError("JobScheduleBeingDeleted")
        case _:
            pass
