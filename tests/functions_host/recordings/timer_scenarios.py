"""Scenarios of the timer listener. Most start at a certain second, since schedules go by the clock."""

import asyncio
import signal

from tests.functions_host.recordings.replay import Replay
from tests.functions_host.recordings.scenarios import Steps, scenario
from tests.functions_host.recordings.timer_status import (
    keep_status,
    measure_clock,
    measure_pauses,
    measure_status,
    relative,
    stored,
    until_second,
)

_FIRST_RUN = "seconds from the start of the host to the first run"


# Schedules within the minute


def _every_five_seconds(runs: int) -> Steps:
    async def steps(replay: Replay) -> None:
        await until_second(2, of=5)
        await replay.start_host(at_once=True)
        await replay.until_ended(runs)
        await asyncio.sleep(1)
        measure_pauses(replay)
        measure_clock(replay)

    return steps


scenario("timer-fails", seconds=20)(_every_five_seconds(3))


@scenario("timer-seconds", seconds=20)
async def seconds(replay: Replay) -> None:
    """Run on every full five seconds."""
    await _every_five_seconds(3)(replay)
    replay.facts["scheduleStatus"] = [event.fields["status"] for event in replay.starts()]


@scenario("timer-longer-than-interval", seconds=35)
async def longer_than_interval(replay: Replay) -> None:
    """Run for longer than the schedule's interval."""
    await until_second(2, of=5)
    await replay.start_host(at_once=True)
    await replay.until_ended(4)
    measure_pauses(replay)
    measure_clock(replay)
    replay.facts["mostAtOnce"] = replay.most_at_once()


@scenario("timer-timespan", "timer-timespan-longer-than-interval", seconds=20)
async def timespan(replay: Replay) -> None:
    """Run every five seconds, counted from the host's start."""
    host = await replay.start_host()
    await replay.until_ended(3)
    replay.times[_FIRST_RUN] = replay.starts()[0].at - host.started_at
    measure_pauses(replay)


# Schedules of a minute


@scenario("timer-minute", seconds=135)
async def minute(replay: Replay) -> None:
    """Run twice."""
    await until_second(50)
    await replay.start_host(at_once=True)
    await asyncio.sleep(3)
    await keep_status(replay, "before the first run")
    await replay.until_ended(1, 70)
    await asyncio.sleep(2)
    await keep_status(replay, "after the first run")
    await replay.until_ended(2, 70)
    await asyncio.sleep(1)
    measure_pauses(replay)
    measure_clock(replay)
    measure_status(replay)


@scenario("timer-minute-fails", seconds=75)
async def minute_fails(replay: Replay) -> None:
    """Fail."""
    await until_second(50)
    await replay.start_host(at_once=True)
    await replay.until_ended(1, 70)
    await asyncio.sleep(2)
    await keep_status(replay, "after the failed run")
    measure_status(replay)


@scenario("timer-missed", seconds=140)
async def missed(replay: Replay) -> None:
    """Stop the host while a run is due, with the monitor."""
    await until_second(40)
    host = await replay.start_host(at_once=True)
    await asyncio.sleep(4)
    await host.end(signal.SIGTERM)
    await keep_status(replay, "when the host stopped")
    await until_second(10)
    host = await replay.start_host(at_once=True)
    await replay.until_ended(1, 30)
    await asyncio.sleep(2)
    await keep_status(replay, "after the late run")
    late = replay.starts()[0].at
    replay.times["seconds from the start of the host to the late run"] = late - host.started_at
    await replay.until_ended(2, 70)
    await asyncio.sleep(0.5)
    measure_status(replay)


@scenario("timer-no-monitor", seconds=140)
async def no_monitor(replay: Replay) -> None:
    """Stop the host while a run is due, without the monitor."""
    await until_second(40)
    host = await replay.start_host(at_once=True)
    await asyncio.sleep(4)
    await host.end(signal.SIGTERM)
    await until_second(10)
    await replay.start_host(at_once=True)
    await replay.until_ended(1, 70)
    measure_clock(replay)
    measure_status(replay)


@scenario("timer-run-on-startup", seconds=75)
async def run_on_startup(replay: Replay) -> None:
    """Start the host twice within a minute."""
    await until_second(20)
    host = await replay.start_host(at_once=True)
    await replay.until_ended()
    await asyncio.sleep(2)
    await keep_status(replay, "after the run on startup", "OnTimer3")
    await host.end(signal.SIGTERM)
    await replay.start_host(at_once=True)
    await replay.until_ended(2)
    await asyncio.sleep(2)
    measure_status(replay)


@scenario("timer-timespan-minute", seconds=70)
async def timespan_minute(replay: Replay) -> None:
    """Run a minute after the host's start."""
    host = await replay.start_host()
    await asyncio.sleep(3)
    before = await stored(replay)
    await replay.until_ended(1, 70)
    await asyncio.sleep(2)
    after = await stored(replay)
    run = replay.starts()[0].at
    key = "stored before the first run, in seconds from the start"
    replay.times[key] = relative(before, host.started_at)
    replay.times["stored after the first run, in seconds from that run"] = relative(after, run)
    replay.times[_FIRST_RUN] = run - host.started_at
    measure_status(replay)
