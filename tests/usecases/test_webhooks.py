"""Webhooks: chosen events of a job, in the order of its log, to an endpoint of the sender."""

from collections import Counter
from dataclasses import replace as with_ports
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from batchmgr.errors import InvalidJobError, JobNotEndedError, NotPossibleError
from batchmgr.model.job_record_parts import CallbackState
from batchmgr.model.size_limits import KIB, size_of
from batchmgr.model.webhook import WebhookStatus
from batchmgr.steps.webhook_batch import MOST_EVENTS
from batchmgr.usecases.accept import accept
from batchmgr.usecases.cancel import cancel
from batchmgr.usecases.finalize import finalize
from batchmgr.usecases.poll import poll
from batchmgr.usecases.purge import purge
from batchmgr.usecases.redrive import redrive
from batchmgr.usecases.refuse import refuse
from batchmgr.usecases.submit import submit
from batchmgr.wire.events import matches_notify
from batchmgr.wire.job_message import JobMessage, WebhookMessage
from tests.usecases.test_calls_of_a_job import counted
from tests.world import World, job_message, task

HOOK = "https://allowed/hook?secret=2"
OTHER = "https://allowed/other?secret=3"


def hooked(*patterns: str, uri: str = HOOK, callback: str = "", **fields: Any) -> JobMessage:
    """Return a job message with a webhook of these events, or of the default ones."""
    webhook = WebhookMessage(uri=uri, events=patterns) if patterns else WebhookMessage(uri=uri)
    return replace(job_message(callback=callback), webhooks=(webhook,), **fields)


def told(world: World, uri: str = HOOK) -> list[str]:
    """Return the types of the events that a webhook has got, in order."""
    events = [event for to, batch, _ in world.callbacks.batches if to == uri for event in batch]
    return [event.type.removeprefix("batchmgr.") for event in events]


def wanted(world: World, *patterns: str) -> list[str]:
    """Return the types of the events in the log that match."""
    return [e.type.removeprefix("batchmgr.") for e in world.log() if matches_notify(e, patterns)]


def status(world: World, number: int = 0) -> WebhookStatus:
    return world.webhooks.statuses["job-1", number]


async def test_a_webhook_is_told_of_the_events_of_the_job_in_the_order_of_its_log() -> None:
    world = World()
    world.enqueue(hooked())
    await world.run_until_idle()
    assert told(world) == wanted(world, "job.*")
    assert told(world)[-1] == "job.succeeded"
    assert status(world).cursor == int(world.log()[-1].sequence)
    names = [name for _, _, name in world.callbacks.batches]
    assert len(set(names)) == len(names)
    assert names[0] == "msg_job-1:webhook-0:1"


async def test_each_webhook_gets_the_events_that_it_has_chosen() -> None:
    world = World()
    first, second = (
        WebhookMessage(uri=HOOK, events=("task.failed",)),
        WebhookMessage(uri=OTHER, events=("*",)),
    )
    message = job_message(task("a", "/bin/false"), task("b"), callback="")
    world.enqueue(replace(message, webhooks=(first, second)))
    await world.run_until_idle()
    assert told(world) == ["task.failed"]
    assert told(world, OTHER) == [event.type.removeprefix("batchmgr.") for event in world.log()]


async def test_a_rejected_job_tells_its_webhooks() -> None:
    world = World()
    world.enqueue(replace(job_message(task("a", "/bin/true", "b"), callback=""), webhooks=hooked().webhooks))
    await world.run_until_idle()
    assert told(world) == ["job.rejected"]
    assert world.jobs.active == set()


async def test_a_batch_has_100_events_and_256_kib_at_most_and_the_order_is_kept() -> None:
    world = World()
    tasks = [task(f"t-{number}") for number in range(320)]
    world.enqueue(replace(job_message(*tasks, callback=""), webhooks=hooked("task.*", "job.*").webhooks))
    await world.run_until_idle()
    sizes = [len(batch) for _, batch, _ in world.callbacks.batches]
    assert max(sizes) == MOST_EVENTS
    assert told(world) == wanted(world, "task.*", "job.*")
    assert all(size_of(batch) <= 256 * KIB for _, batch, _ in world.callbacks.batches)
    sent = [int(event.sequence) for _, batch, _ in world.callbacks.batches for event in batch]
    assert sent == sorted(sent)


async def test_large_events_make_small_batches() -> None:
    world = World()
    await accept(world.ports, "job-1", hooked("*"))
    end = await world.events.end("job-1", 0)
    data = msgspec.Raw(b'{"text":"%b"}' % (b"x" * 40_000))
    large = [replace(end.after[0], id=f"e-{number}", body=data) for number in range(20)]
    await world.events.append("job-1", large, await world.events.end("job-1", 0))
    await world.deliveries.finish()
    assert told(world) == wanted(world, "*")
    assert len(told(world)) == 21
    sizes = [size_of(batch) for _, batch, _ in world.callbacks.batches]
    assert 200 * KIB < max(sizes) <= 256 * KIB


async def test_a_batch_that_fails_is_sent_again_with_the_same_events_and_id() -> None:
    world = World()
    world.callbacks.event_failures = 2
    await accept(world.ports, "job-1", hooked("*"))
    await world.deliveries.finish()
    waiting = status(world)
    assert (waiting.state, waiting.attempts, waiting.last_error) == ("pending", 1, "receiver is down")
    await world.run_until_idle()
    first, second, third, fourth = world.callbacks.tried
    assert first == second == third  # although the log is longer by then
    assert [event.type for event in first[1]] == ["batchmgr.job.queued"]
    assert fourth[2] == "msg_job-1:webhook-0:2"
    assert told(world) == wanted(world, "*")
    now = status(world)
    assert (now.state, now.attempts, now.last_error) == (CallbackState.DELIVERED, 1, "")


async def test_a_webhook_that_was_given_up_has_a_dead_letter_and_gets_no_later_events() -> None:
    world = World()
    world.ports = with_ports(world.ports, callback_attempts=2)
    world.callbacks.down = {HOOK}
    second = WebhookMessage(uri=OTHER)
    world.enqueue(replace(hooked(), webhooks=(*hooked().webhooks, second)))
    await world.run_until_idle()
    assert world.record().state == "succeeded"
    assert told(world, OTHER) == wanted(world, "job.*")
    [letter] = world.dead_letters.letters.values()
    assert (letter.kind, letter.job_id, letter.receiver) == ("webhook", "job-1", "allowed:443")
    assert letter.reason == "receiver answered 500"
    assert letter.time == status(world).given_up_at
    assert "secret" not in repr(letter) + repr(world.record()) + repr(world.webhooks.statuses)
    assert len({name for _, _, name in world.callbacks.tried if name.startswith("msg_job-1:webhook-0")}) == 1


async def test_a_redriven_webhook_goes_on_where_it_was_and_its_letter_goes() -> None:
    world = World()
    world.ports = with_ports(world.ports, callback_attempts=1)
    await accept(world.ports, "job-1", hooked())
    await world.deliveries.finish()
    world.callbacks.down = {HOOK}
    await world.run_until_idle()
    assert told(world) == ["job.queued"]
    assert len(world.dead_letters.letters) == 1
    world.callbacks.down.clear()
    for _ in range(2):  # the second one changes nothing
        await redrive(world.ports, "JOB-1")
    await world.run_until_idle()
    assert told(world) == wanted(world, "job.*")
    assert world.dead_letters.letters == {}
    with pytest.raises(NotPossibleError, match="has told its webhooks: there is nothing to send again"):
        await redrive(world.ports, "job-1")


async def test_a_webhook_of_a_job_that_runs_can_be_redriven() -> None:
    world = World()
    world.ports = with_ports(world.ports, callback_attempts=1)
    world.callbacks.down = {HOOK}
    await accept(world.ports, "job-1", hooked())
    await submit(world.ports, "job-1")
    with pytest.raises(NotPossibleError, match="is running: none of its webhooks was given up"):
        await redrive(world.ports, "job-1")
    await world.deliveries.finish()
    await poll(world.ports)  # the record says by now that it was given up
    assert status(world).state is CallbackState.DEAD
    world.callbacks.down.clear()
    await redrive(world.ports, "job-1")
    await world.deliveries.finish()
    assert told(world) == wanted(world, "job.*")
    assert world.dead_letters.letters == {}


async def test_a_uri_that_is_not_allowed_any_more_is_given_up_at_once() -> None:
    world = World()
    await accept(world.ports, "job-1", hooked(uri="https://elsewhere/hook?secret=2"))
    await world.run_until_idle()
    assert status(world).state is CallbackState.DEAD
    assert status(world).last_error == "webhooks[0].uri: not allowed"
    assert status(world).attempts == 1


async def test_a_job_that_was_cancelled_tells_so() -> None:
    world = World()
    await accept(world.ports, "job-1", hooked("job.cancelled"))
    await cancel(world.ports, "job-1")
    await world.run_until_idle()
    assert told(world) == ["job.cancelled"]


async def test_a_job_can_be_deleted_when_its_webhooks_are_settled_and_nothing_of_them_is_left() -> None:
    world = World()
    world.ports = with_ports(world.ports, callback_attempts=2)
    world.callbacks.down = {HOOK}
    world.enqueue(hooked("job.succeeded"))
    while not world.callbacks.tried:
        await world.tick()
    with pytest.raises(JobNotEndedError, match="its webhooks are not told of all events, next at 2026"):
        await purge(world.ports, "job-1")
    await world.run_until_idle()
    assert len(world.dead_letters.letters) == 1
    while not await purge(world.ports, "job-1"):
        pass
    assert world.webhooks.statuses == {}
    assert world.dead_letters.letters == {}
    assert world.jobs.records == {}


async def test_the_poller_goes_on_where_a_process_has_died_and_looks_no_more_when_all_is_told() -> None:
    world = World()
    await accept(world.ports, "job-1", hooked())
    await submit(world.ports, "job-1")
    world.deliveries.started.clear()  # with their process
    await poll(world.ports)
    await world.deliveries.finish()
    assert told(world) == wanted(world, "job.*")
    assert told(world)[:3] == ["job.queued", "job.submitting", "job.running"]
    await poll(world.ports)  # it sees that all is told
    calls = Counter[str]()
    for _ in range(5):
        world.clock.advance(timedelta(seconds=1))
        await poll(counted(world, calls), world.clock.now() - timedelta(seconds=1))
    assert calls["webhooks.load"] <= 1
    assert world.deliveries.started == {}


async def test_a_retry_is_due_for_the_poller_even_if_its_message_is_lost() -> None:
    world = World()
    world.callbacks.event_failures = 1
    await accept(world.ports, "job-1", hooked())
    await submit(world.ports, "job-1")
    await world.deliveries.finish()
    world.queue.messages.clear()
    begun = world.clock.now()
    while not world.callbacks.batches:
        await poll(world.ports, world.clock.now() - timedelta(seconds=1))
        await world.deliveries.finish()
        world.clock.advance(timedelta(seconds=1))
    assert timedelta(seconds=5) <= world.clock.now() - begun < timedelta(seconds=9)


async def test_a_job_without_webhooks_makes_no_call_for_them_and_one_without_selected_events_none() -> None:
    for message in (job_message(), hooked("task.preempted")):
        world, calls = World(), Counter[str]()
        ports = counted(world, calls)
        world.enqueue(message)
        for _ in range(8):
            await world.tick(ports)
        assert world.record().state == "succeeded"
        assert world.jobs.active == set()
        assert [name for name in calls if name.startswith("webhooks.")] == []


async def test_a_job_whose_last_step_can_t_be_done_lets_its_webhooks_go() -> None:
    """Whatever is wrong with their statuses, the job does not stay active for ever."""
    world = World()
    world.may_fail = True

    class Broken:
        def __getattr__(self, name: str) -> Any:
            raise ValueError("broken")

    await accept(world.ports, "job-1", hooked())
    await submit(world.ports, "job-1")
    world.batch.run()
    world.ports = with_ports(world.ports, webhooks=Broken())
    with pytest.raises(ValueError, match="broken"):
        await finalize(world.ports, "job-1")
    await world.run_until_idle(pause=timedelta(minutes=2))
    assert world.record().state == "succeeded"
    assert world.jobs.active == set()


async def test_the_message_is_read_once_for_many_batches() -> None:
    """It has the URI, and may be large."""
    world, calls = World(), Counter[str]()
    await accept(world.ports, "job-1", hooked("*"))
    end = await world.events.end("job-1", 0)
    many = [replace(end.after[0], id=f"e-{number}") for number in range(5 * MOST_EVENTS)]
    await world.events.append("job-1", many, end)
    world.deliveries.started.clear()
    await poll(counted(world, calls))
    await world.deliveries.finish()
    assert len(world.callbacks.batches) == 6
    assert calls["jobs.load_request"] == 1
    assert calls["callbacks.send_events"] == 6


async def test_a_message_that_is_wrong_tells_those_of_its_webhooks_that_keep_the_rules() -> None:
    world = World()
    message = {
        "jobId": "job-1",
        "colour": "blue",
        "webhooks": [
            {"uri": HOOK},
            {"uri": "https://forbidden/?secret=4"},
            {"uri": OTHER, "events": ["no pattern!"]},
            {"uri": f"{OTHER}5", "events": ["*"]},
        ],
    }
    body = msgspec.json.encode(message)
    assert await refuse(world.ports, body, InvalidJobError("unknown field", field="colour"), "")
    await world.run_until_idle()
    assert {uri: told(world, uri) for uri, *_ in world.callbacks.batches} == {
        HOOK: ["job.rejected"],
        f"{OTHER}5": ["job.rejected"],
    }
    assert await refuse(world.ports, body, InvalidJobError("unknown field", field="colour"), "")
    await world.run_until_idle()
    assert told(world) == ["job.rejected"]
