"""Webhooks whose processes are killed, hang or race: all that they want arrives, in order, or is given up."""

from contextlib import suppress
from dataclasses import replace

import pytest

from batchmgr.errors import NotPossibleError
from batchmgr.model.job_record_parts import CallbackState
from batchmgr.steps.attempt_times import FIRST_LEASE
from batchmgr.steps.tell_webhooks import Reader, tell_webhook
from batchmgr.usecases.accept import accept
from batchmgr.usecases.purge import purge
from batchmgr.usecases.redrive import redrive
from tests.chaos.test_killed_processes import WHEN, Died, Mortal
from tests.chaos.test_pairs import untold
from tests.webhooks import BOTH, assert_settled, assert_told, with_webhooks
from tests.world import World, job_message


async def given_up() -> World:
    """Return a world with a job that has ended, and whose webhooks were both given up."""
    world = World()
    world.ports = replace(world.ports, callback_attempts=1)
    await accept(world.ports, "job-1", with_webhooks(job_message()))
    world.callbacks.down = {webhook.uri for webhook in BOTH}
    await world.run_until_idle()
    world.callbacks.down.clear()
    assert {one.state for one in world.webhooks.statuses.values()} == {CallbackState.DEAD}
    return world


async def told_after_a_kill(world: World, life: Mortal) -> None:
    """Redrive until the process dies. Whoever has got no answer redrives again."""
    with suppress(Died):
        await redrive(life.ports, "job-1")
        await world.deliveries.finish()
    world.deliveries.started.clear()  # with their process
    with suppress(NotPossibleError):
        await redrive(world.ports, "job-1")
    await world.run_until_idle()
    assert world.jobs.active == set()
    assert_settled(world)
    assert_told(world)


@WHEN
async def test_a_redrive_that_is_killed_at_any_side_effect_and_sent_again(after: bool) -> None:
    world = await given_up()
    whole = Mortal(world, 10**9, after=after)
    await told_after_a_kill(world, whole)
    assert whole.made > 10
    for calls in range(1, whole.made + 1):
        world = await given_up()
        await told_after_a_kill(world, Mortal(world, calls, after=after))


@WHEN
async def test_a_webhook_is_told_by_the_next_process_if_one_is_killed_at_any_call(after: bool) -> None:
    calls = 0
    while True:
        calls += 1
        world = World()
        await untold(world)
        life, begun = Mortal(world, calls, after=after), world.clock.now()
        with suppress(Died):
            await tell_webhook(life.ports, Reader.of(world.record(), 0))
            await world.deliveries.finish()
            break
        world.deliveries.started.clear()
        await world.run_until_idle()
        assert_settled(world)
        assert world.clock.now() - begun < FIRST_LEASE * 2
    assert calls > 4


@WHEN
async def test_a_purge_that_is_killed_leaves_nothing_of_webhooks_behind(after: bool) -> None:
    whole = Mortal(await given_up(), 10**9, after=after)
    while not await purge(whole.ports, "job-1"):
        pass
    for calls in range(1, whole.made + 1):
        world = await given_up()
        with suppress(Died):
            await purge(Mortal(world, calls, after=after).ports, "job-1")
        while world.jobs.records:
            await purge(world.ports, "job-1")
            await world.clock.sleep(FIRST_LEASE)
        assert world.webhooks.statuses == {}
        assert world.dead_letters.letters == {}


async def test_a_delivery_that_has_outlived_its_claim_moves_the_cursor_on_once() -> None:
    """The receiver answers after the claim has lapsed, and another process has sent the batch again."""
    world = World()
    await accept(world.ports, "job-1", with_webhooks(job_message()))
    world.deliveries.started.clear()
    reader, sent = Reader.of(world.record(), 0), world.callbacks.send_events

    async def slow(*arguments: object) -> None:
        await sent(*arguments)  # type: ignore[arg-type]
        world.callbacks.send_events = sent  # type: ignore[method-assign]
        world.clock.advance(FIRST_LEASE)
        await tell_webhook(world.ports, reader)

    world.callbacks.send_events = slow  # type: ignore[method-assign, assignment]
    with suppress(Exception):
        await tell_webhook(world.ports, reader)
    assert world.webhooks.statuses["job-1", 0].cursor == 1
    await world.run_until_idle()
    assert_told(world)
    names = [name for _, _, name in world.callbacks.batches]
    assert names.count("msg_job-1:webhook-0:1") == 2


@pytest.mark.parametrize("attempts", [1, 3])
async def test_a_webhook_that_is_always_down_is_given_up_and_the_job_ends_as_it_is(attempts: int) -> None:
    world = World()
    world.ports = replace(world.ports, callback_attempts=attempts)
    world.callbacks.down = {webhook.uri for webhook in BOTH}
    world.enqueue(with_webhooks(job_message()))
    await world.run_until_idle()
    assert world.record().state == "succeeded"
    assert [one.attempts for one in world.webhooks.statuses.values()] == [attempts, attempts]
    assert_settled(world)
