"""A job schedule as the service stores it, the times at which it creates jobs, and its state transitions.

The first occurrence of a schedule is at `doNotRunUntil`, or when the schedule is created. Each later one
follows a `recurrenceInterval` after the one before. At an occurrence the schedule may create one job. If it
cannot, it may still do so until the `startWindow` ends or the next occurrence comes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias

from fakebatch.errors import BatchError
from fakebatch.wire import durations, timestamps

ScheduleState: TypeAlias = Literal["active", "completed", "disabled", "terminating", "deleting"]

FOREVER: Final = durations.INFINITE
"""The value of `open_until` if the schedule may create its job at any later time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobScheduleEntity:
    """A job schedule. Times are in ticks.

    `spec` holds its properties with the defaults filled in. `last_at` and `next_at` are the times of the last
    and of the next occurrence. `open_until` is the time until which the schedule may create the job of the
    last occurrence; it is None if the job was created or its time has passed. `jobs_created` is the number of
    the latest job.
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
        """The id of the job that the schedule created last, or None."""
        return f"{self.id}:job-{self.jobs_created}" if self.jobs_created else None

    @property
    def interval(self) -> int | None:
        """The ticks between two occurrences, or None if there is only one occurrence."""
        return _ticks(self.spec, "recurrenceInterval")

    @property
    def deadline(self) -> int | None:
        """The time after which the schedule creates no job (`doNotRunAfter`), or None."""
        text = self.spec["schedule"].get("doNotRunAfter")
        return None if text is None else timestamps.from_iso(text)


def _ticks(spec: Mapping[str, Any], name: str) -> int | None:
    text = spec["schedule"].get(name)
    return None if text is None else durations.parse(text)


def _first(spec: Mapping[str, Any], now: int) -> int:
    text = spec["schedule"].get("doNotRunUntil")
    return now if text is None else max(now, timestamps.from_iso(text))


def created(spec: Mapping[str, Any], now: int) -> JobScheduleEntity:
    """Return a new schedule."""
    return JobScheduleEntity(
        id=spec["id"],
        spec=spec,
        created_at=now,
        last_modified=now,
        state_since=now,
        next_at=_first(spec, now),
    )


def advanced(schedule: JobScheduleEntity, now: int) -> JobScheduleEntity:
    """Return the schedule at the time `now`, after all occurrences up to then."""
    if schedule.next_at is not None and schedule.next_at <= now:
        schedule = _occurred(schedule, now)
    deadline = FOREVER if schedule.deadline is None else schedule.deadline
    if schedule.next_at is not None and schedule.next_at > deadline:
        schedule = replace(schedule, next_at=None)
    if schedule.open_until is not None and now >= min(schedule.open_until, deadline):
        schedule = replace(schedule, open_until=None)
    return schedule


def _occurred(schedule: JobScheduleEntity, now: int) -> JobScheduleEntity:
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


def is_due(schedule: JobScheduleEntity) -> bool:
    """Return whether the schedule must create a job as soon as it has no active job."""
    return schedule.state == "active" and schedule.open_until is not None


def next_moment(schedule: JobScheduleEntity, now: int) -> int | None:
    """Return the next time at which `advanced` changes the schedule, or None."""
    moments = (schedule.next_at, schedule.open_until, schedule.deadline)
    return min((at for at in moments if at is not None and now < at < FOREVER), default=None)


def job_created(schedule: JobScheduleEntity) -> JobScheduleEntity:
    """Return the schedule after it created the job of its last occurrence."""
    return replace(schedule, open_until=None, jobs_created=schedule.jobs_created + 1)


def completed_if_over(schedule: JobScheduleEntity, now: int) -> JobScheduleEntity:
    """Return the schedule, completed if it will create no more jobs. Call it only if it has no active job."""
    over = schedule.next_at is None and schedule.open_until is None
    if schedule.state == "terminating" or (schedule.state == "active" and over):
        return replace(_moved(schedule, "completed", now), ended_at=now, next_at=None, open_until=None)
    return schedule


def _moved(schedule: JobScheduleEntity, state: ScheduleState, now: int) -> JobScheduleEntity:
    if schedule.state == "terminating":
        return replace(schedule, state=state, state_since=now)
    return replace(
        schedule,
        state=state,
        state_since=now,
        previous_state=schedule.state,
        previous_state_since=schedule.state_since,
    )


def with_properties(schedule: JobScheduleEntity, changes: Mapping[str, Any], now: int) -> JobScheduleEntity:
    """Return the schedule with some properties replaced.

    If `schedule` is among them, the next occurrence is computed anew from the last one.
    """
    refuse_if_over(schedule)
    changed = replace(schedule, spec={**schedule.spec, **changes}, last_modified=now)
    if "schedule" not in changes:
        return changed
    if changed.last_at is None:
        return replace(changed, next_at=_first(changed.spec, now))
    if changed.interval is None:
        return replace(changed, next_at=None)
    return replace(changed, next_at=max(changed.last_at + changed.interval, _first(changed.spec, 0)))


def disabled(schedule: JobScheduleEntity, now: int) -> JobScheduleEntity:
    """Return the schedule after a user's request to disable it: it creates no more jobs."""
    refuse_if_over(schedule)
    if schedule.state == "disabled":
        raise BatchError("JobScheduleDisabled")
    return replace(_moved(schedule, "disabled", now), last_modified=now)


def enabled(schedule: JobScheduleEntity, now: int) -> JobScheduleEntity:
    """Return the schedule after a user's request to enable it."""
    refuse_if_over(schedule)
    if schedule.state == "active":
        return replace(schedule, last_modified=now)
    return replace(_moved(schedule, "active", now), last_modified=now)


def terminated(schedule: JobScheduleEntity, now: int) -> JobScheduleEntity:
    """Return the schedule after a user's request to terminate it."""
    refuse_if_over(schedule)
    return replace(_moved(schedule, "terminating", now), last_modified=now)


def deleted(schedule: JobScheduleEntity, now: int) -> JobScheduleEntity:
    """Return the schedule after a user's request to delete it. Raises BatchError(JobScheduleBeingDeleted)."""
    if schedule.state == "deleting":
        raise BatchError("JobScheduleBeingDeleted")
    return _moved(schedule, "deleting", now)


def refuse_if_over(schedule: JobScheduleEntity) -> None:
    """Raise a BatchError if the schedule is over.

    Its code is JobScheduleCompleted, JobScheduleBeingTerminated or JobScheduleBeingDeleted.
    """
    match schedule.state:
        case "completed":
            raise BatchError("JobScheduleCompleted")
        case "terminating":
            raise BatchError("JobScheduleBeingTerminated")
        case "deleting":
            raise BatchError("JobScheduleBeingDeleted")
        case _:
            pass
