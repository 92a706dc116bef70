"""The schedule of a timer: an NCRONTAB expression or a fixed interval."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from functions_host.errors import ConfigurationError
from functions_host.local_time import at_clock_time, is_ambiguous, to_local
from functions_host.ncrontab import Ncrontab
from functions_host.timespan import parse_timespan

END_OF_TIME = datetime.max.replace(tzinfo=UTC)
"""The next occurrence of an expression that has none, such as one for 30 February."""


class TimerSchedule(Protocol):
    """When a timer fires."""

    def next_after(self, moment: datetime) -> datetime:
        """Return the first occurrence later than `moment`, in local time. Raises OverflowError after 9999."""

    @property
    def is_sub_minute(self) -> bool:
        """Whether it fires more than once a minute. Such a timer has no status blob."""


@dataclass(frozen=True)
class CronSchedule:
    """A schedule from an NCRONTAB expression. Its fields are in local time."""

    expression: Ncrontab

    def next_after(self, moment: datetime) -> datetime:
        """Return the first occurrence later than `moment`.

        When clocks are put back, a schedule with fixed hours, minutes and seconds fires in the first of the
        two equal hours only. All others go on firing in both.
        """
        now = to_local(moment)
        try:
            clock = self.expression.next_after(now.replace(tzinfo=None, fold=0))
            following = at_clock_time(clock)
            if self.expression.is_interval:
                return self._of_interval(now, following)
            return self._of_point_in_time(now, following)
        except (OverflowError, ValueError):
            return END_OF_TIME

    @property
    def is_sub_minute(self) -> bool:
        """Whether it fires more than once in every minute."""
        return self.expression.fires_every_minute and len(self.expression.seconds) > 1

    @staticmethod
    def _of_interval(now: datetime, following: datetime) -> datetime:
        if following.utcoffset() == now.utcoffset():
            return following
        if is_ambiguous(now) or is_ambiguous(following):
            return to_local(following + (_offset(following) - _offset(now)))
        return following

    def _of_point_in_time(self, now: datetime, following: datetime) -> datetime:
        if not is_ambiguous(following):
            return following
        if following.utcoffset() != now.utcoffset():
            return to_local(following + (_offset(following) - _offset(now)))
        clock = following.replace(tzinfo=None, fold=0)
        while is_ambiguous(clock):
            clock = self.expression.next_after(clock)
        return at_clock_time(clock)


@dataclass(frozen=True)
class ConstantSchedule:
    """A schedule with a fixed interval."""

    interval: timedelta

    def next_after(self, moment: datetime) -> datetime:
        """Return the moment one interval after `moment`."""
        return to_local(moment.astimezone(UTC) + self.interval)

    @property
    def is_sub_minute(self) -> bool:
        """Whether the interval is shorter than a minute."""
        return self.interval < timedelta(minutes=1)


def parse_schedule(text: str) -> TimerSchedule:
    """Parse an NCRONTAB expression or a TimeSpan. Raises ConfigurationError for anything else."""
    try:
        return CronSchedule(Ncrontab.parse(text))
    except ValueError as cron_error:
        try:
            interval = parse_timespan(text)
        except ValueError:
            raise ConfigurationError(
                f"the schedule '{text}' is neither a cron expression ({cron_error}) nor a TimeSpan"
            ) from cron_error
    if not interval:
        raise ConfigurationError(f"the schedule '{text}' is an interval of zero")
    return ConstantSchedule(interval)


def _offset(moment: datetime) -> timedelta:
    return moment.utcoffset() or timedelta()
