"""Webhooks: chosen events of a job, in the order of its log, to an endpoint of the sender."""

from typing import Any

from msgspec.structs import replace

from batchmgr.model.webhook import WebhookStatus
from batchmgr.wire.events import matches_notify
from batchmgr.wire.job_message import JobMessage, WebhookMessage
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
