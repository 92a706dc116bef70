"""The stored status of a timer, and when its function ran, as scenarios give and measure them."""

import asyncio
import json
import re
import time
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from tests.functions_host.recordings.replay import Replay
from tests.functions_host.recordings.storage_state import HOST_CONTAINER

_STATUS_PROPERTIES = ("Last", "Next", "LastUpdated")


async def until_second(second: float, *, of: int = 60) -> None:
    """Wait until this second of a minute, or of each five seconds."""
    await asyncio.sleep((second - time.time()) % of)


async def stored(replay: Replay, function: str = "OnTimer1") -> dict[str, str] | None:
    """Return the stored status of a timer, or None if there is none."""
    client = replay.blobs.get_blob_client(HOST_CONTAINER, f"timers/probe/Host.Functions.{function}/status")
    if not await client.exists():
        return None
    status: dict[str, str] = json.loads(await (await client.download_blob()).readall())
    return status


async def store(replay: Replay, status: str) -> None:
    """Store a status before a host starts."""
    await replay.create_container(HOST_CONTAINER)
    await replay.upload("timers/probe/Host.Functions.OnTimer1/status", status, container=HOST_CONTAINER)


def status_text(last: datetime | None, following: datetime, updated: datetime, zone: str = "+00:00") -> str:
    """Return a status as the host stores it. No last run is the year 1."""
    moments = (last, following, updated)
    texts = [f"{m:%Y-%m-%dT%H:%M:%S}{zone}" if m else "0001-01-01T00:00:00" for m in moments]
    return json.dumps(dict(zip(_STATUS_PROPERTIES, texts, strict=True)))


def _moment(text: str) -> float | None:
    """Return a moment of a status, or None for the year 1, which means never. Without a zone it is UTC."""
    if text.startswith("0001"):
        return None
    moment = datetime.fromisoformat(re.sub(r"(\.\d{6})\d*", r"\1", text))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def relative(status: dict[str, str] | None, to: float) -> dict[str, Any] | None:
    """Return a status with its moments as seconds from another moment."""
    if not status:
        return None
    moments = {name: _moment(status[name]) for name in _STATUS_PROPERTIES}
    return {name: "never" if moment is None else round(moment - to, 1) for name, moment in moments.items()}


async def keep_status(replay: Replay, when: str, function: str = "OnTimer1") -> None:
    """Note where the moments of the stored status lie."""
    status = await stored(replay, function)
    kinds = status and {name: _kind(_moment(text)) for name, text in status.items()}
    replay.facts.setdefault("stored", {})[when] = kinds


def _kind(moment: float | None) -> str:
    if moment is None:
        return "never"
    return "another moment" if 0.5 < moment % 60 < 59.5 else "on a full minute"


def measure_pauses(replay: Replay) -> None:
    """Note the seconds between the starts of functions."""
    pairs = pairwise(replay.starts())
    replay.times["seconds between starts"] = [later.at - earlier.at for earlier, later in pairs]


def measure_clock(replay: Replay) -> None:
    """Note at which seconds of the minute functions started."""
    replay.times["second of the minute at each start"] = [event.at % 60 for event in replay.starts()]


def measure_status(replay: Replay) -> None:
    """Note which status functions saw, in seconds from their start."""
    seen = [relative(event.fields["status"], event.at) for event in replay.starts()]
    replay.times["status at each start, in seconds from it"] = seen
