"""The status blob of a timer, which shows at the next start whether an occurrence was missed."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob.aio import BlobClient

from functions_host.timer_schedule import TimerSchedule

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class ScheduleStatus:
    """When a timer last ran and when it is due next. All times are in UTC."""

    last: datetime = _NEVER
    next: datetime
    last_updated: datetime = _NEVER

    def to_json(self) -> dict[str, str]:
        """Return the status in the format of the blob, which functions see too."""
        return {
            "Last": self.last.isoformat(),
            "Next": self.next.isoformat(),
            "LastUpdated": self.last_updated.isoformat(),
        }

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "ScheduleStatus":
        """Parse a status in the format of `to_json`. Raises KeyError or ValueError for anything else."""
        last, following, updated = (
            datetime.fromisoformat(document[name]) for name in ("Last", "Next", "LastUpdated")
        )
        return cls(last=last, next=following, last_updated=updated)


class ScheduleMonitor:
    """Stores the status of one timer in a blob."""

    def __init__(self, blob: BlobClient) -> None:
        self._blob = blob

    async def load(self) -> ScheduleStatus | None:
        """Return the stored status. It is None if there is no status, or if it cannot be parsed."""
        try:
            download = await self._blob.download_blob()
            return ScheduleStatus.from_json(json.loads(await download.readall()))
        except (ResourceNotFoundError, KeyError, ValueError):
            return None

    async def save(self, status: ScheduleStatus) -> None:
        """Store a status."""
        await self._blob.upload_blob(json.dumps(status.to_json()).encode(), overwrite=True)


def status_at_start(stored: ScheduleStatus | None, schedule: TimerSchedule, now: datetime) -> ScheduleStatus:
    """Return the status that a timer starts with. The timer is past due if `next` is before `now`.

    If the schedule was changed, so that it does not give the stored `next`, `next` is calculated again.
    """
    if stored is None:
        return ScheduleStatus(next=schedule.next_after(now), last_updated=now)
    reference = next((moment for moment in (stored.last, stored.last_updated) if moment != _NEVER), now)
    expected = schedule.next_after(reference)
    if stored.next == expected:
        return stored
    if expected < now:
        reference, expected = now, schedule.next_after(now)
    return ScheduleStatus(next=expected, last_updated=reference)
