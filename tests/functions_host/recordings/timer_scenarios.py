"""Scenarios of the timer listener. Most start at a certain second, since schedules go by the clock."""

import asyncio
import json
import re
import signal
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.functions_host.recordings.replay import Replay
from tests.functions_host.recordings.scenarios import Steps, scenario
from tests.functions_host.recordings.storage_state import HOST_CONTAINER

_STATUS_PROPERTIES = ("Last", "Next", "LastUpdated")
_STATUS_AT_STARTS = "status at each start, in seconds from it"
_SECONDS_OF_STARTS = "second of the minute at each start"
_PAUSES_OF_STARTS = "seconds between starts"
_FIRST_RUN = "seconds from the start of the host to the first run"


async def _until_second(second: float, *, of: int = 60) -> None:
    """Wait until this second of a minute, or of each five seconds."""
    await asyncio.sleep((second - time.time()) % of)


# The stored status


async def _stored(replay: Replay, function: str = "OnTimer1") -> dict[str, str] | None:
    client = replay.blobs.get_blob_client(HOST_CONTAINER, f"timers/probe/Host.Functions.{function}/status")
    if not await client.exists():
        return None
    status: dict[str, str] = json.loads(await (await client.download_blob()).readall())
    return status


async def _store(replay: Replay, status: str) -> None:
    await replay.create_container(HOST_CONTAINER)
    await replay.upload("timers/probe/Host.Functions.OnTimer1/status", status, container=HOST_CONTAINER)


def _status(last: datetime | None, following: datetime, updated: datetime, zone: str = "+00:00") -> str:
    moments = (last, following, updated)
    texts = [f"{m:%Y-%m-%dT%H:%M:%S}{zone}" if m else "0001-01-01T00:00:00" for m in moments]
    return json.dumps(dict(zip(_STATUS_PROPERTIES, texts, strict=True)))


def _moment(text: str) -> float | None:
    """Return a moment of a status, or None for the year 1, which means never. Without a zone it is UTC."""
    if text.startswith("0001"):
        return None
    moment = datetime.fromisoformat(re.sub(r"(\.\d{6})\d*", r"\1", text))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _relative(status: dict[str, str] | None, to: float) -> dict[str, Any] | None:
    """Return a status with its moments as seconds from another moment."""
    if status is None:
        return None
    moments = {name: _moment(status[name]) for name in _STATUS_PROPERTIES}
    return {name: "never" if moment is None else round(moment - to, 1) for name, moment in moments.items()}


async def _keep_status(replay: Replay, when: str, function: str = "OnTimer1") -> None:
    """Note where the moments of the stored status lie."""
    status = await _stored(replay, function)
    kinds = status and {name: _kind(_moment(text)) for name, text in status.items()}
    replay.facts.setdefault("stored", {})[when] = kinds


def _kind(moment: float | None) -> str:
    if moment is None:
        return "never"
    return "another moment" if 0.5 < moment % 60 < 59.5 else "on a full minute"


def _measure(replay: Replay) -> None:
    """Note when functions started, and which status they saw."""
    starts = replay.starts()
    pairs = zip(starts, starts[1:], strict=False)
    replay.times[_PAUSES_OF_STARTS] = [later.at - earlier.at for earlier, later in pairs]
    replay.times[_SECONDS_OF_STARTS] = [event.at % 60 for event in starts]
    replay.times[_STATUS_AT_STARTS] = [_relative(event.fields["status"], event.at) for event in starts]


# Schedules within the minute


def _every_five_seconds(runs: int) -> Steps:
    async def steps(replay: Replay) -> None:
        await _until_second(2, of=5)
        await replay.start_host()
        await replay.until_ended(runs)
        await asyncio.sleep(1)
        _measure(replay)

    return steps


scenario("timer-fails", slow=True)(_every_five_seconds(3))


@scenario("timer-seconds", slow=True)
async def seconds(replay: Replay) -> None:
    """Run on every full five seconds."""
    await _every_five_seconds(3)(replay)
    replay.facts["scheduleStatus"] = [event.fields["status"] for event in replay.starts()]


@scenario("timer-longer-than-interval", slow=True)
async def longer_than_interval(replay: Replay) -> None:
    """Run for longer than the schedule's interval."""
    await _until_second(2, of=5)
    await replay.start_host()
    await replay.until_ended(4)
    _measure(replay)
    replay.facts["mostAtOnce"] = replay.most_at_once()


@scenario("timer-timespan", "timer-timespan-longer-than-interval", slow=True)
async def timespan(replay: Replay) -> None:
    """Run every five seconds, counted from the host's start."""
    host = await replay.start_host()
    await replay.until_ended(3)
    replay.times[_FIRST_RUN] = replay.starts()[0].at - host.started_at
    _measure(replay)


# Schedules of a minute


@scenario("timer-minute", slow=True)
async def minute(replay: Replay) -> None:
    """Run twice."""
    await _until_second(50)
    await replay.start_host()
    await asyncio.sleep(3)
    await _keep_status(replay, "before the first run")
    await replay.until_ended(1, 70)
    await asyncio.sleep(2)
    await _keep_status(replay, "after the first run")
    await replay.until_ended(2, 70)
    await asyncio.sleep(1)
    _measure(replay)


@scenario("timer-minute-fails", slow=True)
async def minute_fails(replay: Replay) -> None:
    """Fail."""
    await _until_second(50)
    await replay.start_host()
    await replay.until_ended(1, 70)
    await asyncio.sleep(2)
    await _keep_status(replay, "after the failed run")
    _measure(replay)


@scenario("timer-missed", slow=True)
async def missed(replay: Replay) -> None:
    """Stop the host while a run is due, with the monitor."""
    await _until_second(40)
    host = await replay.start_host()
    await asyncio.sleep(4)
    await host.end(signal.SIGTERM)
    await _keep_status(replay, "when the host stopped")
    await _until_second(10)
    host = await replay.start_host()
    await replay.until_ended(1, 30)
    await asyncio.sleep(2)
    await _keep_status(replay, "after the late run")
    late = replay.starts()[0].at
    replay.times["seconds from the start of the host to the late run"] = late - host.started_at
    await replay.until_ended(2, 70)
    await asyncio.sleep(0.5)
    _measure(replay)


@scenario("timer-no-monitor", slow=True)
async def no_monitor(replay: Replay) -> None:
    """Stop the host while a run is due, without the monitor."""
    await _until_second(40)
    host = await replay.start_host()
    await asyncio.sleep(4)
    await host.end(signal.SIGTERM)
    await _until_second(10)
    await replay.start_host()
    await replay.until_ended(1, 70)
    _measure(replay)


@scenario("timer-run-on-startup", slow=True)
async def run_on_startup(replay: Replay) -> None:
    """Start the host twice within a minute."""
    await _until_second(20)
    host = await replay.start_host()
    await replay.until_ended()
    await asyncio.sleep(2)
    await _keep_status(replay, "after the run on startup", "OnTimer3")
    await host.end(signal.SIGTERM)
    await replay.start_host()
    await replay.until_ended(2)
    await asyncio.sleep(2)
    _measure(replay)


@scenario("timer-timespan-minute", slow=True)
async def timespan_minute(replay: Replay) -> None:
    """Run a minute after the host's start."""
    host = await replay.start_host()
    await asyncio.sleep(3)
    before = await _stored(replay)
    await replay.until_ended(1, 70)
    await asyncio.sleep(2)
    after = await _stored(replay)
    run = replay.starts()[0].at
    key = "stored before the first run, in seconds from the start"
    replay.times[key] = _relative(before, host.started_at)
    replay.times["stored after the first run, in seconds from that run"] = _relative(after, run)
    replay.times[_FIRST_RUN] = run - host.started_at
    _measure(replay)


# A status that is there before the host


def _this_minute() -> datetime:
    return datetime.now(UTC).replace(second=0, microsecond=0)


@scenario("timer-status-of-long-ago", slow=True)
async def status_of_long_ago(replay: Replay) -> None:
    """Start a host that was off for three days."""
    await _until_second(15)
    old = _this_minute() - timedelta(days=3)
    await _store(replay, _status(old, old + timedelta(minutes=1), old))
    await replay.start_host()
    await replay.until_ended(1, 20)
    await asyncio.sleep(8)
    await _keep_status(replay, "after the late run")
    _measure(replay)


@scenario("timer-schedule-changed", slow=True)
async def schedule_changed(replay: Replay) -> None:
    """Start with the status of a schedule whose next run is far away."""
    await _until_second(15)
    old = _this_minute() - timedelta(days=3)
    await _store(replay, _status(old, _this_minute() + timedelta(days=200), old))
    await replay.start_host()
    await asyncio.sleep(8)
    await _keep_status(replay, "8 s after the start")
    _measure(replay)


@scenario("timer-status-is-garbage", slow=True)
async def status_is_garbage(replay: Replay) -> None:
    """Start with a status that is not JSON."""
    await _until_second(15)
    await _store(replay, "garbage")
    await replay.start_host()
    await asyncio.sleep(8)


@scenario("timer-status-without-zone", slow=True)
async def status_without_zone(replay: Replay) -> None:
    """Start with a status whose moments have no time zone."""
    await _until_second(20)
    now = _this_minute()
    await _store(replay, _status(None, now + timedelta(minutes=1), now, zone=""))
    await replay.start_host()
    await replay.until_ended(1, 60)
    await asyncio.sleep(2)
    await _keep_status(replay, "after the run")
    _measure(replay)


@scenario("timer-time-zone", slow=True)
async def time_zone(replay: Replay) -> None:
    """Run at an hour of New York."""
    await _until_second(45)
    hour = datetime.now(ZoneInfo("America/New_York")).hour
    replay.options |= {"time-zone": "America/New_York", "timer1": f"0 * {hour} * * *"}
    await replay.start_host()
    await asyncio.sleep(1)
    replay.facts["lastBeforeTheFirstRun"] = (await _stored(replay) or {}).get("Last")
    await replay.until_ended(1, 40)
    await asyncio.sleep(2)
    zone = r"(?:[+-]\d\d:\d\d|Z)$"
    stored = (await _stored(replay) or {}).values()
    replay.facts["zonesInTheStatus"] = [z for text in stored for z in re.findall(zone, text)]
    if starts := replay.starts():
        seen = starts[0].fields["status"].values()
        replay.facts["zonesThatTheFunctionSaw"] = sorted({z for text in seen for z in re.findall(zone, text)})
    replay.facts["runs"] = len(starts)


# Leases and outages


def _takeover(number: signal.Signals) -> Steps:
    """End the one of two hosts that holds the timer's lease."""

    async def steps(replay: Replay) -> None:
        first = await replay.start_host("A")
        await replay.start_host("B")
        await replay.until_ended(3)
        replay.facts["runsOfBWhileARuns"] = len(replay.starts(host="B"))
        await first.end(number)
        gone = time.time()
        await replay.until(lambda: replay.starts(host="B"), 150)
        taken_over = replay.starts(host="B")[0].at
        replay.times["seconds until the other host's first run"] = taken_over - gone
        await asyncio.sleep(0.5)

    return steps


scenario("timer-two-hosts-killed-production", "timer-two-hosts-killed-development", slow=True)(
    _takeover(signal.SIGKILL)
)
scenario("timer-two-hosts-stopped", slow=True)(_takeover(signal.SIGTERM))


@scenario("timer-lease-renewal", slow=True)
async def lease_renewal(replay: Replay) -> None:
    """Wait for two renewals of the lease."""
    await replay.start_host()
    await asyncio.sleep(70)
    leases = [r for r in replay.requests if r.headers.get("x-ms-lease-action") in ("acquire", "renew")]
    taken = [r.at for r in leases if r.status < 300]
    pauses = [later - earlier for earlier, later in zip(taken, taken[1:], strict=False)]
    replay.times["pauses between acquiring and renewals, s"] = pauses


def _outage(seconds: float) -> Steps:
    """Make storage unreachable while a timer runs every five seconds."""

    async def steps(replay: Replay) -> None:
        await _until_second(2, of=5)
        host = await replay.start_host()
        await replay.until_ended(2)
        await asyncio.sleep(1)
        host.proxy.reachable = False
        down = time.time()
        await asyncio.sleep(seconds)
        host.proxy.reachable = True
        up = time.time()
        await asyncio.sleep(45)
        starts = [event.at for event in replay.starts()]
        replay.times["runs in the outage"] = len([at for at in starts if down < at < up])
        after = [at - up for at in starts if at > up]
        replay.times["seconds from its end to the next run"] = after[0] if after else None

    return steps


scenario("timer-storage-down", slow=True)(_outage(20))
scenario("timer-storage-down-long", slow=True)(_outage(80))
