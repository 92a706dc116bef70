"""The status blob of a timer, which shows at the next start whether an occurrence was missed."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.storage.blob.aio import BlobClient

from functions_host.local_time import to_local, year_one
from functions_host.timer_schedule import TimerSchedule

_NEVER_BEFORE_YEAR = 2
_OTHER_FORMATS = ("%m/%d/%Y %H:%M:%S", "%m/%d/%Y", "%a, %d %b %Y %H:%M:%S GMT")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class ScheduleStatus:
    """When a timer last ran and when it is due next. None means never."""

    last: datetime | None = None
    next: datetime | None
    last_updated: datetime | None = None

    def to_json(self) -> dict[str, str]:
        """Return the status in the format of the blob, which functions see too. Times are local."""
        return {
            "Last": _format(self.last),
            "Next": _format(self.next),
            "LastUpdated": _format(self.last_updated),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "ScheduleStatus":
        """Parse a status as .NET does. Raises ValueError if a value is not the text of a moment.

        The case of names is ignored. What is missing, or lies in the year 1, means never. A moment without a
        time zone is local.
        """
        values = {name.lower(): value for name, value in document.items()}
        last, following, updated = (
            _parse(values[name]) if name in values else None for name in ("last", "next", "lastupdated")
        )
        return cls(last=last, next=following, last_updated=updated)


class ScheduleMonitor:
    """Stores the status of one timer in a blob."""

    def __init__(self, blob: BlobClient) -> None:
        self._blob = blob

    async def load(self) -> ScheduleStatus | None:
        """Return the stored status, or None if there is none. Raises ValueError if it cannot be parsed."""
        try:
            download = await self._blob.download_blob()
        except ResourceNotFoundError:
            return None
        return parse_status(await download.readall())

    async def save(self, status: ScheduleStatus) -> None:
        """Store a status. A storage error is only logged: the timer goes on."""
        try:
            await self._blob.upload_blob(json.dumps(status.to_json()).encode(), overwrite=True)
        except AzureError:
            _log.exception("The status '%s' cannot be written", self._blob.blob_name)


def parse_status(content: bytes) -> ScheduleStatus | None:
    """Parse the content of a status blob. Raises ValueError for what the real host cannot parse either.

    Nothing, white space and `null` count as no status. What follows the JSON is ignored.
    """
    text = content.decode("utf-8-sig").strip()
    if not text:
        return None
    document, _ = json.JSONDecoder().raw_decode(text)
    if document is None:
        return None
    if not isinstance(document, dict):
        raise ValueError(f"the status of a timer is not a JSON object: {text[:100]}")
    return ScheduleStatus.from_json(document)


def status_at_start(stored: ScheduleStatus | None, schedule: TimerSchedule, now: datetime) -> ScheduleStatus:
    """Return the status that a timer starts with. The timer is past due if `next` is before `now`.

    If the schedule was changed, so that it does not give the stored `next`, `next` is calculated again.
    """
    if stored is None:
        return ScheduleStatus(next=schedule.next_after(now), last_updated=now)
    reference = stored.last or stored.last_updated or now
    expected = schedule.next_after(reference)
    if stored.next == expected:
        return stored
    if expected < now:
        reference, expected = now, schedule.next_after(now)
    return ScheduleStatus(next=expected, last_updated=reference)


def _format(moment: datetime | None) -> str:
    return (to_local(moment) if moment else year_one()).isoformat()


def _parse(value: Any) -> datetime | None:
    if not isinstance(value, str):
        raise ValueError(f"the status of a timer has {json.dumps(value)} where a moment is expected")
    moment = _moment(value.strip())
    return to_local(moment) if moment.year >= _NEVER_BEFORE_YEAR else None


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        for other in _OTHER_FORMATS:
            try:
                return datetime.strptime(text, other)
            except ValueError:
                continue
        raise
