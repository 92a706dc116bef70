"""Scenarios of the queue listener: messages that succeed, fail, and cannot be read; batches and pauses."""

import asyncio

from tests.functions_host.recordings.replay import QUEUE, Replay
from tests.functions_host.recordings.scenarios import Steps, scenario

_CONTENT = {
    "queue-base64-not-base64": "this is not base64!",
    "queue-base64-not-utf-8": "b2ss//4=",
}
_MORE_CONTENT = {
    "queue-base64-line-feed-inside": "b2\ns=",
    "queue-base64-no-padding": "b2s",
    "queue-base64-bits-left-over": "b2t=",
    "queue-base64-url-alphabet": "b2ssPz8_Pj4-",
    "queue-base64-two-texts": "b2s=b2s=",
    "queue-base64-empty": "",
}
_SHORTEST_LONG_PAUSE = 2.6
"""Longer than `maxPollingInterval` of two seconds allows, in seconds."""


def _one_message(text: str) -> Steps:
    """Send a message, and wait until it is deleted."""

    async def steps(replay: Replay) -> None:
        await replay.send(text)
        await replay.start_host()
        await replay.until_deleted()
        await asyncio.sleep(2)
        retries = zip(replay.ends(), replay.starts()[1:], strict=False)
        replay.times["seconds from a failure to the next attempt"] = [s.at - e.at for e, s in retries]

    return steps


scenario("queue-success")(_one_message("ok"))
scenario("queue-poison", "queue-max-dequeue-1")(_one_message("fail"))
scenario("queue-third-attempt")(_one_message("failuntil:3"))
scenario("queue-visibility-timeout")(_one_message("failuntil:3"))
scenario("queue-output")(_one_message("out:hello"))
scenario("queue-output-then-failure")(_one_message("out:hello,failuntil:3"))


@scenario(*_CONTENT)
@scenario(*_MORE_CONTENT)  # test_queue_messages.py has each of these texts
async def unusual_content(replay: Replay) -> None:
    """Send a message that is more or less base64."""
    await replay.send_content((_CONTENT | _MORE_CONTENT)[replay.recording["name"]])
    await replay.start_host()
    await replay.until_deleted(patience=5)
    await asyncio.sleep(1)


@scenario("queue-encoding-none")
async def encoding_none(replay: Replay) -> None:
    """Send messages that are not base64 to a host that expects none."""
    await replay.send_content("ok")
    await replay.send_content("fail,ä & <b>")
    await replay.start_host()
    await replay.until_deleted(2)
    await asyncio.sleep(1)


@scenario("queue-poison-race")
async def poison_race(replay: Replay) -> None:
    """Let eight messages become poison at the same time."""
    await replay.send("fail", times=8)
    await replay.start_host()
    await replay.until_deleted(8, patience=6)
    await asyncio.sleep(1)


@scenario("queue-output-race")
async def output_race(replay: Replay) -> None:
    """Let eight functions add to a queue that does not exist."""
    await replay.send("out:hello", times=8)
    await replay.start_host()
    await replay.until_deleted(8, patience=6)
    await asyncio.sleep(1)


@scenario("queue-already-4", "queue-already-5")
async def fetched_before(replay: Replay) -> None:
    """Fetch a message several times and give it back, before the host does."""
    await replay.send("ok")
    client = replay.queues.get_queue_client(QUEUE)
    for _ in range(int(replay.recording["name"][-1])):
        message = await client.receive_message(visibility_timeout=60)
        assert message is not None
        await client.update_message(message, visibility_timeout=0)
    await replay.start_host()
    await replay.until_deleted()
    await asyncio.sleep(1)


@scenario("queue-poison-trigger")
async def poison_trigger(replay: Replay) -> None:
    """Let a function on a poison queue fail."""
    await replay.send("fail", queue="queue1-poison")
    await replay.start_host()
    await replay.until_ended(2, patience=5)
    await asyncio.sleep(2)


@scenario("queue-takes-turns")
async def takes_turns(replay: Replay) -> None:
    """Let a message fail while others wait."""
    await replay.send("fail")
    await replay.send("ok", times=5)
    await replay.start_host()
    await replay.until_deleted(6)
    await asyncio.sleep(1)
    attempts = [event.fields for event in replay.starts()]
    replay.facts["orderOfAttempts"] = [f"{fields['body']} {fields['dequeueCount']}" for fields in attempts]


@scenario("queue-message-taken-over")
async def taken_over(replay: Replay) -> None:
    """Make a message visible while it is in work."""
    await replay.send("sleep:4000")
    await replay.start_host()
    await replay.until_started()
    await asyncio.sleep(1)
    message = replay.fetches()[0].received[0]
    await replay.queues.get_queue_client(QUEUE).update_message(
        message.findtext("MessageId", ""), message.findtext("PopReceipt", ""), visibility_timeout=0
    )
    await replay.until_ended(2)
    await asyncio.sleep(2)


@scenario("queue-batches")
async def batches(replay: Replay) -> None:
    """Send 20 messages, of which four are fetched at a time."""
    for _ in range(5):
        for milliseconds in (300, 600, 900, 1200):
            await replay.send(f"sleep:{milliseconds}")
    await replay.start_host()
    await replay.until_ended(20)
    await asyncio.sleep(1)
    fetches = replay.fetches()
    replay.facts["mostAtOnce"] = replay.most_at_once()
    replay.facts["runningAtEachFetch"] = [_running_at(replay, fetch.at) for fetch in fetches]
    replay.facts["messagesOfEachFetch"] = [len(fetch.received) for fetch in fetches]
    replay.times["seconds until all were done"] = replay.ends()[-1].at - replay.starts()[0].at


def _running_at(replay: Replay, moment: float) -> int:
    started = sum(event.at < moment for event in replay.starts())
    return started - sum(event.at < moment for event in replay.ends())


@scenario("queue-one-slow-message")
async def one_slow_message(replay: Replay) -> None:
    """Send one slow message and seven quick ones."""
    await replay.send("sleep:6000")
    await replay.send("ok", times=7)
    await replay.start_host()
    await replay.until_ended(8)
    await asyncio.sleep(1)
    slow, *quick = sorted(replay.starts(), key=lambda event: event.fields["body"] == "ok")
    early = [event for event in quick if event.at < slow.at + 5.9]
    replay.facts["quickMessagesBegunBeforeTheSlowOneEnded"] = len(early)


@scenario("queue-two-hosts")
async def two_hosts(replay: Replay) -> None:
    """Let two hosts share 60 messages."""
    await replay.create_queue()
    await replay.start_host("A")
    await replay.start_host("B")
    await replay.send("sleep:200", times=60)
    await replay.until_ended(60)
    await asyncio.sleep(2)
    ids = [event.fields["id"] for event in replay.starts()]
    replay.facts["runs"] = len(ids)
    replay.facts["differentMessages"] = len(set(ids))
    replay.facts["bothHostsHadSome"] = all(replay.starts(host=host) for host in "AB")


@scenario("queue-idle-2", seconds=45)
async def idle_two_seconds(replay: Replay) -> None:
    """Leave a queue empty."""
    await _idle(replay, 20)


@scenario("queue-idle-60", seconds=200)
async def idle_one_minute(replay: Replay) -> None:
    """Leave a queue empty for a long time."""
    await _idle(replay, 120)


async def _idle(replay: Replay, seconds: float) -> None:
    await replay.create_queue()
    await replay.start_host()
    await asyncio.sleep(seconds)
    polls = ("GET", f"{QUEUE}/messages")
    replay.times["pauses between polls of an empty queue, s"] = replay.pauses(*polls)
    await replay.send("ok")
    await replay.until_ended(patience=70)
    await asyncio.sleep(20)
    started = replay.starts()[0].at
    replay.times["pauses after the message, s"] = replay.pauses(*polls, since=started - 0.3)


@scenario("queue-defaults-production", "queue-defaults-development", seconds=20)
async def defaults(replay: Replay) -> None:
    """Leave a queue empty for so long that its longest pause shows.

    A host does not show its other options.
    """
    await replay.create_queue()
    await replay.start_host()
    await asyncio.sleep(14)
    polls = replay.matching("GET", f"{QUEUE}/messages")
    is_long = max(replay.pauses("GET", f"{QUEUE}/messages")) > _SHORTEST_LONG_PAUSE
    replay.facts["options"] = {
        "batchSize": int(polls[0].query["numofmessages"]),
        "maxPollingInterval": "00:01:00" if is_long else "00:00:02",
    }


@scenario("queue-renewal", seconds=335)
async def renewal(replay: Replay) -> None:
    """Work on a message for more than five minutes."""
    await replay.send("sleep:330000")
    await replay.start_host()
    await replay.until_ended(patience=345)
    await asyncio.sleep(2)
    fetched = replay.fetches()[0].at
    renewals = replay.matching("PUT", f"{QUEUE}/messages/.*")
    replay.times["seconds from the fetch to each renewal"] = [r.at - fetched for r in renewals]


@scenario("queue-output-wakes", seconds=35)
async def output_wakes(replay: Replay) -> None:
    """Add to a queue whose listener is in a long pause."""
    await replay.create_queue("queue1-poison")
    await replay.send("sleep:25000,out:ok")
    await replay.start_host()
    await replay.until(lambda: replay.starts("poison"), 90)
    added = next(r.at for r in replay.matching("POST", "queue1-poison/messages") if r.status == 201)
    replay.times["seconds from the message to its start"] = replay.starts("poison")[0].at - added
    await asyncio.sleep(1)
