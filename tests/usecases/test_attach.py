"""A message with the same id and content but another callback URI: its receiver is told of the end too."""

from datetime import timedelta

import pytest

from batchmgr.errors import JobConflictError
from batchmgr.functions.queue_job_requests import take_request
from batchmgr.model.job_record_parts import CallbackState
from batchmgr.model.job_states import JobState
from batchmgr.model.receivers import MAX_ATTACHED, statuses
from batchmgr.usecases.accept import accept
from batchmgr.usecases.finalize import finalize
from batchmgr.wire.json_codec import encode
from tests.world import CALLBACK, World, job_message, task

OTHER = "https://allowed/callback?secret=2"


def told(world: World) -> list[tuple[str, str]]:
    """Return who was called, and for which state."""
    return [(uri, str(body.output["state"])) for uri, body, _ in world.callbacks.received]


async def test_a_receiver_that_is_attached_before_the_end_is_called_at_the_end() -> None:
    world = World()
    await accept(world.ports, "job-1", job_message())
    await accept(world.ports, "job-1", job_message(callback=OTHER))
    await world.run_until_idle()
    assert sorted(told(world)) == [(CALLBACK, "succeeded"), (OTHER, "succeeded")]
    assert world.batch.created == ["job-1"]


async def test_a_receiver_that_is_attached_after_the_end_is_called_at_once() -> None:
    world = World()
    world.enqueue(job_message(task("a", "/bin/false")))
    await world.run_until_idle()
    await accept(world.ports, "job-1", job_message(task("a", "/bin/false"), callback=OTHER))
    await world.deliveries.finish()
    assert told(world) == [(CALLBACK, "failed"), (OTHER, "failed")]
    await world.run_until_idle()
    assert len(told(world)) == 2


async def test_each_receiver_has_a_webhook_id_of_its_own_and_keeps_it_when_it_is_called_again() -> None:
    world = World()
    await accept(world.ports, "job-1", job_message())
    await accept(world.ports, "job-1", job_message(callback=OTHER))
    await world.run_until_idle()
    ids = {uri: webhook_id for uri, _, webhook_id in world.callbacks.received}
    assert ids[CALLBACK] == "msg_job-1"
    assert ids[OTHER].startswith("msg_job-1:")
    again = World()
    again.callbacks.failures = 2
    await accept(again.ports, "job-1", job_message())
    await accept(again.ports, "job-1", job_message(callback=OTHER))
    await again.run_until_idle()
    assert {uri: webhook_id for uri, _, webhook_id in again.callbacks.received} == ids


async def test_a_message_of_a_known_receiver_attaches_none() -> None:
    world = World()
    for callback in (CALLBACK, OTHER, CALLBACK, OTHER, ""):
        await accept(world.ports, "job-1", job_message(callback=callback))
    await world.run_until_idle()
    assert sorted(uri for uri, _ in told(world)) == [CALLBACK, OTHER]


async def test_a_job_without_a_callback_can_get_one() -> None:
    world = World()
    await accept(world.ports, "job-1", job_message(callback=""))
    await accept(world.ports, "job-1", job_message(callback=OTHER))
    await world.run_until_idle()
    assert told(world) == [(OTHER, "succeeded")]


async def test_a_message_from_the_queue_attaches_its_receiver_too() -> None:
    world = World()
    world.enqueue(job_message())
    world.enqueue(job_message(callback=OTHER), "m-2")
    await world.run_until_idle()
    assert sorted(uri for uri, _ in told(world)) == [CALLBACK, OTHER]
    assert world.queue.poison == []


async def test_a_message_in_the_poison_queue_attaches_its_receiver_and_is_removed() -> None:
    world = World()
    world.enqueue(job_message())
    await world.run_until_idle()
    world.queue.poison.append(encode(job_message(callback=OTHER)))
    await world.tick()
    assert world.queue.poison == []
    assert told(world)[1:] == [(OTHER, "succeeded")]


async def test_a_receiver_that_hangs_does_not_hold_up_another_one_of_its_job() -> None:
    world = World()
    for callback in (CALLBACK, OTHER):
        await accept(world.ports, "job-1", job_message(callback=callback))
    while not world.record().state.is_final:
        world.deliveries.started.clear()
        await take_request(world.ports, encode(job_message()), "")
        for job_id in world.batch.run():
            await finalize(world.ports, job_id)
    assert len(world.deliveries.started) == 2


async def test_only_so_many_receivers_are_attached_and_the_next_one_is_refused_with_a_sentence() -> None:
    world = World()
    await accept(world.ports, "job-1", job_message())
    for number in range(MAX_ATTACHED):
        await accept(world.ports, "job-1", job_message(callback=f"https://allowed/{number}"))
    with pytest.raises(JobConflictError, match="tells 9 more receivers"):
        await accept(world.ports, "job-1", job_message(callback="https://allowed/last"))
    await world.run_until_idle()
    assert len(told(world)) == 1 + MAX_ATTACHED


async def test_the_uri_of_an_attached_receiver_is_in_neither_the_record_nor_the_events() -> None:
    world = World()
    await accept(world.ports, "job-1", job_message())
    await accept(world.ports, "job-1", job_message(callback=OTHER))
    await world.run_until_idle()
    assert "secret" not in repr(world.record())
    assert "secret" not in repr(world.log())


async def test_one_receiver_is_given_up_while_the_other_has_been_told() -> None:
    world = World()
    await accept(world.ports, "job-1", job_message())
    await accept(world.ports, "job-1", job_message(callback=OTHER))
    await world.tick()
    await world.tick()
    world.callbacks.down = {OTHER}
    await world.run_until_idle(ticks=20_000, pause=timedelta(seconds=9))
    states = [status.state for status in statuses(world.record()).values()]
    assert states == [CallbackState.DELIVERED, CallbackState.DEAD]
    assert world.queue.buried == ["job-1"]


async def test_a_receiver_is_told_of_a_job_that_was_rejected() -> None:
    world = World()
    world.batch.pools.clear()
    world.enqueue(job_message())
    await world.run_until_idle()
    world.enqueue(job_message(callback=OTHER), "m-2")
    await world.run_until_idle()
    assert world.record().state is JobState.REJECTED
    assert told(world) == [(CALLBACK, "rejected"), (OTHER, "rejected")]
