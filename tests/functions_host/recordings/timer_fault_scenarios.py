"""Scenarios of the timer listener: a status that is there before the host, leases of two hosts, outages."""

import asyncio
import re
import signal
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from tests.functions_host.recordings.replay import Replay
from tests.functions_host.recordings.scenarios import Steps, scenario
from tests.functions_host.recordings.timer_status import (
    keep_status,
    measure_status,
    status_text,
    store,
    stored,
    until_second,
)

# A status that is there before the host


def _this_minute() -> datetime:
    return datetime.now(UTC).replace(second=0, microsecond=0)


@scenario("timer-status-of-long-ago", seconds=75)
async def status_of_long_ago(replay: Replay) -> None:
    """Start a host that was off for three days."""
    await until_second(15)
    old = _this_minute() - timedelta(days=3)
    await store(replay, status_text(old, old + timedelta(minutes=1), old))
    await replay.start_host(at_once=True)
    await replay.until_ended(1, 20)
    await asyncio.sleep(8)
    await keep_status(replay, "after the late run")
    measure_status(replay)


@scenario("timer-schedule-changed", seconds=70)
async def schedule_changed(replay: Replay) -> None:
    """Start with the status of a schedule whose next run is far away."""
    await until_second(15)
    old = _this_minute() - timedelta(days=3)
    await store(replay, status_text(old, _this_minute() + timedelta(days=200), old))
    await replay.start_host(at_once=True)
    await asyncio.sleep(8)
    await keep_status(replay, "8 s after the start")
    measure_status(replay)


@scenario("timer-status-is-garbage", seconds=70)
async def status_is_garbage(replay: Replay) -> None:
    """Start with a status that is not JSON."""
    await until_second(15)
    await store(replay, "garbage")
    await replay.start_host(at_once=True)
    await asyncio.sleep(8)


@scenario("timer-status-without-zone", seconds=110)
async def status_without_zone(replay: Replay) -> None:
    """Start with a status whose moments have no time zone."""
    await until_second(20)
    now = _this_minute()
    await store(replay, status_text(None, now + timedelta(minutes=1), now, zone=""))
    await replay.start_host(at_once=True)
    await replay.until_ended(1, 60)
    await asyncio.sleep(2)
    await keep_status(replay, "after the run")
    measure_status(replay)


@scenario("timer-time-zone", seconds=90)
async def time_zone(replay: Replay) -> None:
    """Run at an hour of New York."""
    await until_second(45)
    hour = datetime.now(ZoneInfo("America/New_York")).hour
    replay.options |= {"time-zone": "America/New_York", "timer1": f"0 * {hour} * * *"}
    await replay.start_host(at_once=True)
    await asyncio.sleep(1)
    replay.facts["lastBeforeTheFirstRun"] = (await stored(replay) or {}).get("Last")
    await replay.until_ended(1, 40)
    await asyncio.sleep(2)
    zone = r"(?:[+-]\d\d:\d\d|Z)$"
    status = await stored(replay) or {}
    replay.facts["zonesInTheStatus"] = [z for text in status.values() for z in re.findall(zone, text)]
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


scenario("timer-two-hosts-killed-production", "timer-two-hosts-killed-development", seconds=90)(
    _takeover(signal.SIGKILL)
)
scenario("timer-two-hosts-stopped", seconds=90)(_takeover(signal.SIGTERM))


@scenario("timer-lease-renewal", seconds=75)
async def lease_renewal(replay: Replay) -> None:
    """Wait for two renewals of the lease."""
    await replay.start_host()
    await asyncio.sleep(70)
    leases = [r for r in replay.requests if r.headers.get("x-ms-lease-action") in ("acquire", "renew")]
    taken = [r.at for r in leases if r.status < 300]
    pauses = [later - earlier for earlier, later in pairwise(taken)]
    replay.times["pauses between acquiring and renewals, s"] = pauses


def _outage(seconds: float) -> Steps:
    """Make storage unreachable while a timer runs every five seconds."""

    async def steps(replay: Replay) -> None:
        await until_second(2, of=5)
        host = await replay.start_host(at_once=True)
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


scenario("timer-storage-down", seconds=85)(_outage(20))
scenario("timer-storage-down-long", seconds=145)(_outage(80))
