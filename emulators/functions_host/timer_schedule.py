"""The schedule of a timer: an NCRONTAB expression or a fixed interval."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from functions_host.errors import ConfigurationError
from functions_host.ncrontab import Ncrontab
from functions_host.timespan import parse_timespan


class TimerSchedule(Protocol):
    """When a timer fires."""

    def next_after(self, moment: datetime) -> datetime:
        """Return the first occurrence later than `moment`."""

    @property
    def is_sub_minute(self) -> bool:
        """Whether it fires more than once a minute. Such a timer has no status blob."""


@dataclass(frozen=True)
class CronSchedule:
    """A schedule from an NCRONTAB expression."""

    expression: Ncrontab

    def next_after(self, moment: datetime) -> datetime:
        """Return the first occurrence later than `moment`."""
        return self.expression.next_after(moment)

    @property
    def is_sub_minute(self) -> bool:
        """Whether it fires more than once in every minute."""
        return self.expression.fires_every_minute and len(self.expression.seconds) > 1


@dataclass(frozen=True)
class ConstantSchedule:
    """A schedule with a fixed interval."""

    interval: timedelta

    def next_after(self, moment: datetime) -> datetime:
        """Return the moment one interval after `moment`."""
        return moment + self.interval

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
