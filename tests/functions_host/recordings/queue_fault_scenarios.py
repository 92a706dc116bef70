"""Scenarios of the queue listener: queues that are missing, storage that is away, hosts that end."""

import asyncio
import signal
from email.utils import parsedate_to_datetime

from tests.functions_host.recordings.replay import QUEUE, Replay
from tests.functions_host.recordings.scenarios import Steps, scenario


@scenario("queue-missing", seconds=20)
async def missing(replay: Replay) -> None:
    """Create the queue ten seconds after the host's start."""
    await replay.start_host()
    await asyncio.sleep(10)
    pauses = replay.pauses("GET", f"{QUEUE}(/messages)?")
    replay.times["pauses between polls of the missing queue, s"] = pauses
    await replay.send("ok")
    await replay.until_ended()
    await asyncio.sleep(2)


@scenario("queue-deleted", seconds=20)
async def deleted(replay: Replay) -> None:
    """Delete the queue, and create it anew."""
    await replay.send("ok")
    await replay.start_host()
    await replay.until_ended()
    await asyncio.sleep(3)
    await replay.queues.delete_queue(QUEUE)
    await asyncio.sleep(10)
    await replay.send("sleep:10")
    await replay.until_ended(2)
    await asyncio.sleep(2)


@scenario("queue-deleted-mid-message")
async def deleted_mid_message(replay: Replay) -> None:
    """Delete the queue while one of its messages is in work."""
    await replay.send("sleep:3000")
    await replay.start_host()
    await replay.until_started()
    await asyncio.sleep(1)
    await replay.queues.delete_queue(QUEUE)
    await replay.until_ended()
    await asyncio.sleep(2)


@scenario("queue-killed")
async def killed(replay: Replay) -> None:
    """Kill the host while a message is in work."""
    await replay.send("sleep:60000")
    host = await replay.start_host()
    await replay.until_started()
    await asyncio.sleep(1)
    await host.end(signal.SIGKILL)
    fetch = replay.fetches()[0]
    visible = parsedate_to_datetime(fetch.received[0].findtext("TimeNextVisible", "")).timestamp()
    key = "seconds from the fetch until the message is visible again, as storage answers"
    replay.times[key] = visible - fetch.at


def _sigterm(body: str) -> Steps:
    """Stop the host while a message is in work and another one waits."""

    async def steps(replay: Replay) -> None:
        await replay.send(body)
        await replay.send("ok")
        host = await replay.start_host()
        await replay.until_started()
        await asyncio.sleep(1)
        replay.times["seconds from SIGTERM to the end of the process"] = await host.end(signal.SIGTERM)
        replay.facts["exitCode"] = host.exit_code

    return steps


scenario("queue-sigterm-cancellable", seconds=20)(_sigterm("sleep:8000"))
scenario("queue-sigterm-not-cancellable", seconds=20)(_sigterm("block:8000"))
scenario("queue-sigterm-very-long", seconds=20)(_sigterm("block:50000"))


def _outage(seconds: float) -> Steps:
    """Make storage unreachable while the queue is empty."""

    async def steps(replay: Replay) -> None:
        await replay.create_queue()
        host = await replay.start_host()
        await asyncio.sleep(3)
        host.proxy.reachable = False
        await asyncio.sleep(seconds)
        host.proxy.reachable = True
        await replay.send("ok")
        await replay.until_ended(patience=40)
        await asyncio.sleep(1)

    return steps


scenario("queue-storage-down", seconds=35)(_outage(20))
scenario("queue-storage-down-long", seconds=135)(_outage(90))


@scenario("queue-storage-down-in-work", seconds=20)
async def outage_in_work(replay: Replay) -> None:
    """Make storage unreachable when a function ends."""
    await replay.send("sleep:3000")
    host = await replay.start_host()
    await replay.until_started()
    await asyncio.sleep(1)
    host.proxy.reachable = False
    await replay.until_ended()
    await asyncio.sleep(2)
    host.proxy.reachable = True
    await asyncio.sleep(15)
