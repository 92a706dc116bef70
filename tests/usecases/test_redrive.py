"""A callback that was given up: its dead letter, and how it is sent again."""

import json
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest

from batchmgr.errors import JobNotFoundError, NotPossibleError
from batchmgr.model.dead_letter import message_letter
from batchmgr.model.job_record_parts import CallbackState
from batchmgr.usecases.accept import accept
from batchmgr.usecases.redrive import redrive
from tests.functions.app import ReadyRuntime, handlers
from tests.functions.http_calls import problem, request
from tests.world import CALLBACK, World, job_message


async def given_up() -> World:
    """Return a world with a job whose callback was given up."""
    world = World()
    world.ports = replace(world.ports, callback_attempts=2)
    world.callbacks.down = {CALLBACK}
    world.enqueue(job_message())
    await world.run_until_idle()
    return world


async def test_a_callback_that_was_given_up_has_a_dead_letter_without_its_uri() -> None:
    world = await given_up()
    [letter] = world.dead_letters.letters.values()
    assert (letter.kind, letter.job_id, letter.receiver) == ("callback", "job-1", "allowed:443")
    assert letter.reason == "receiver answered 500"
    assert letter.time == world.record().callback.given_up_at  # type: ignore[union-attr]
    assert "secret" not in repr(letter)


async def test_a_redriven_callback_is_sent_with_its_webhook_id_and_its_letter_goes() -> None:
    world = await given_up()
    world.callbacks.down.clear()
    await redrive(world.ports, "JOB-1")
    await world.run_until_idle()
    [(uri, _, webhook_id)] = world.callbacks.received
    assert (uri, webhook_id) == (CALLBACK, "msg_job-1")
    callback = world.record().callback
    assert callback is not None
    assert (callback.state, callback.attempts) == (CallbackState.DELIVERED, 1)
    assert world.dead_letters.letters == {}
    assert world.jobs.active == set()


async def test_a_redriven_callback_that_fails_again_has_all_its_attempts_and_one_letter() -> None:
    world = await given_up()
    before = world.callbacks.attempts
    await redrive(world.ports, "job-1")
    await world.run_until_idle()
    assert world.callbacks.attempts == before + 2
    assert world.record().callback.state is CallbackState.DEAD  # type: ignore[union-attr]
    [letter] = world.dead_letters.letters.values()
    assert letter.time == world.record().callback.given_up_at  # type: ignore[union-attr]


async def test_to_redrive_again_while_it_is_under_way_changes_nothing() -> None:
    world = await given_up()
    world.callbacks.down.clear()
    for _ in range(3):
        await redrive(world.ports, "job-1")
    await world.run_until_idle()
    assert len(world.callbacks.received) == 1


async def test_what_there_is_to_redrive_is_said_if_it_is_nothing() -> None:
    world = World()
    with pytest.raises(JobNotFoundError):
        await redrive(world.ports, "job-1")
    await accept(world.ports, "job-1", job_message())
    await accept(world.ports, "job-2", job_message(callback=""))
    with pytest.raises(NotPossibleError, match="is queued: its callback is sent when it has ended"):
        await redrive(world.ports, "job-1")
    await world.run_until_idle()
    with pytest.raises(NotPossibleError, match="has delivered its callback"):
        await redrive(world.ports, "job-1")
    with pytest.raises(NotPossibleError, match="has no callback"):
        await redrive(world.ports, "job-2")
    assert len(world.callbacks.received) == 1


async def test_a_job_whose_message_is_gone_can_t_be_redriven() -> None:
    world = await given_up()
    world.jobs.requests.clear()
    with pytest.raises(NotPossibleError, match="no longer in storage"):
        await redrive(world.ports, "job-1")
    assert world.record().callback.state is CallbackState.DEAD  # type: ignore[union-attr]


async def test_dead_letters_and_redrive_over_http() -> None:
    world = await given_up()
    app = handlers(ReadyRuntime(world.ports))
    page = json.loads((await app["list_dead_letters"](request("/dead-letters"))).get_body())
    [letter] = page["deadLetters"]
    assert (letter["jobId"], letter["reason"]) == ("job-1", "receiver answered 500")
    world.callbacks.down.clear()
    path = "/jobs/job-1/redrive"
    for _ in range(2):
        reply = await app["redrive_job"](request(path, method="POST", jobId="job-1"))
        assert (reply.status_code, json.loads(reply.get_body())["state"]) == (202, "succeeded")
    await world.run_until_idle()
    refused = problem(await app["redrive_job"](request(path, method="POST", jobId="job-1")), 409)
    assert refused["detail"] == "Job 'job-1' has delivered its callback: there is nothing to send again."
    problem(await app["redrive_job"](request("/jobs/no/redrive", method="POST", jobId="no")), 404)


async def test_the_pages_of_dead_letters_are_linked() -> None:
    world = World()
    for number in range(3):
        time = world.clock.now() + timedelta(seconds=number)
        await world.dead_letters.add(message_letter("q", f"m-{number}", time, "why"))
    app = handlers(ReadyRuntime(world.ports))
    query, found = {"limit": "2"}, list[str]()
    while query:
        page = json.loads((await app["list_dead_letters"](request("/dead-letters", params=query))).get_body())
        found += [letter["messageId"] for letter in page["deadLetters"]]
        link = page.get("nextLink", "")
        assert not link or link.startswith("https://batchmgr.example/api/dead-letters?")
        query = dict(parse_qsl(urlsplit(link).query))
    assert found == ["m-2", "m-1", "m-0"]
    problem(await app["list_dead_letters"](request("/dead-letters", params={"limit": "0"})), 400)
