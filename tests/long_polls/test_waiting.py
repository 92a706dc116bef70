"""Requests that wait: each is answered when something has happened, and when its time is up."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import azure.functions as func
import pytest
from msgspec.structs import replace

from batchmgr.usecases.purge import purge
from tests.functions.app import Handler
from tests.functions.http_calls import JOB, post, problem, request
from tests.world import World

WAIT = {"wait": "60"}


def asked(headers: dict[str, str] | None = None, /, **params: str) -> func.HttpRequest:
    return request("/jobs/job-1", jobId="job-1", params=params, headers=headers)


def body(answer: func.HttpResponse) -> Any:
    return json.loads(answer.get_body())


@asynccontextmanager
async def going_on(world: World) -> AsyncIterator[None]:
    """Let the triggers run, once a second, meanwhile."""

    async def tick_for_ever() -> None:
        while True:
            await world.tick()

    ticks = asyncio.create_task(tick_for_ever())
    try:
        yield
    finally:
        ticks.cancel()
        await asyncio.gather(ticks, return_exceptions=True)


async def change(world: World, **fields: Any) -> None:
    """Save the record of the job with other fields."""
    job = await world.jobs.load("job-1")
    await world.jobs.save(replace(job.value, **fields), job.etag)


async def test_a_job_that_the_caller_does_not_know_is_answered_at_once(
    app: dict[str, Handler], world: World
) -> None:
    await app["create_job"](post(JOB))
    begun = world.clock.now()
    for headers in ({}, {"if-none-match": '"other"'}):
        answer = await app["get_job"](asked(headers, **WAIT))
        assert answer.status_code == 200
        assert answer.headers["ETag"].startswith('"')
    assert world.clock.now() == begun


async def test_the_same_answer_has_the_same_etag_although_the_record_was_saved(
    app: dict[str, Handler], world: World
) -> None:
    await app["create_job"](post(JOB))
    first = await app["get_job"](asked())
    await change(world, last_event=99)
    assert (await app["get_job"](asked())).headers["ETag"] == first.headers["ETag"]
    await change(world, pool_id="other")
    assert (await app["get_job"](asked())).headers["ETag"] != first.headers["ETag"]


@pytest.mark.parametrize("form", ["{}", "W/{}", '"a", {}', "*"])
async def test_a_job_that_the_caller_knows_is_a_304_when_the_time_is_up(
    app: dict[str, Handler], world: World, form: str
) -> None:
    await app["create_job"](post(JOB))
    etag = (await app["get_job"](asked())).headers["ETag"]
    begun = world.clock.now()
    at_once = await app["get_job"](asked({"if-none-match": form.format(etag)}))
    assert (at_once.status_code, world.clock.now()) == (304, begun)
    answer = await app["get_job"](asked({"if-none-match": form.format(etag)}, wait="7"))
    assert (answer.status_code, answer.get_body(), answer.headers["ETag"]) == (304, b"", etag)
    assert world.clock.now() - begun == timedelta(seconds=7)


async def test_a_job_is_answered_as_soon_as_it_is_another(app: dict[str, Handler], world: World) -> None:
    await app["create_job"](post(JOB))
    etag = (await app["get_job"](asked())).headers["ETag"]
    waiting = asyncio.ensure_future(app["get_job"](asked({"if-none-match": etag}, **WAIT)))
    await world.clock.sleep(timedelta(seconds=20))
    await change(world, last_event=99)  # nothing that is shown
    await world.clock.sleep(timedelta(seconds=5))
    assert not waiting.done()
    changed_at = world.clock.now()
    await change(world, pool_id="other")
    answer = await waiting
    assert (answer.status_code, body(answer)["poolId"]) == (200, "other")
    assert answer.headers["ETag"] != etag
    assert world.clock.now() - changed_at <= timedelta(seconds=2)


async def test_a_place_in_the_line_that_has_changed_is_told_when_the_time_is_up(
    app: dict[str, Handler], world: World
) -> None:
    world.batch.quota = 0
    for number in (1, 2):
        await app["create_job"](post({**JOB, "jobId": f"job-{number}"}))
        await world.tick()
    second = request("/jobs/job-2", jobId="job-2")
    first_answer = await app["get_job"](second)
    assert body(first_answer)["waitingFor"]["place"] == 2
    headers = {"if-none-match": first_answer.headers["ETag"]}
    waits = request("/jobs/job-2", jobId="job-2", headers=headers, params={"wait": "9"})
    waiting = asyncio.ensure_future(app["get_job"](waits))
    await world.clock.sleep(timedelta(seconds=2))
    begun = world.clock.now()
    await world.line.leave(next(iter(await world.line.first(1))))
    answer = await waiting
    assert (answer.status_code, body(answer)["waitingFor"]["place"]) == (200, 1)
    assert world.clock.now() - begun == timedelta(seconds=7)


async def test_a_result_is_answered_when_the_job_has_ended(app: dict[str, Handler], world: World) -> None:
    await app["create_job"](post(JOB))
    begun = world.clock.now()
    early = await app["get_result"](asked(wait="5"))
    assert (early.status_code, world.clock.now() - begun) == (202, timedelta(seconds=5))
    async with going_on(world):
        answer = await app["get_result"](asked(**WAIT))
    assert (answer.status_code, body(answer)["state"]) == (200, "succeeded")
    assert world.clock.now() - begun < timedelta(seconds=20)


async def test_a_follower_of_events_gets_each_once_and_ends_with_the_job(
    app: dict[str, Handler], world: World
) -> None:
    await app["create_job"](post(JOB))
    found, after, requests = [], 0, 0
    async with going_on(world):
        while True:
            page = body(await app["list_events"](asked(after=str(after), **WAIT)))
            found += [event["sequence"] for event in page["events"]]
            after, requests = page["last"], requests + 1
            if not page["events"] and page["state"] == "succeeded":
                break
    assert found == [event.sequence for event in world.log()]
    assert requests < 10


async def test_events_that_do_not_come_are_an_empty_page_when_the_time_is_up(
    app: dict[str, Handler], world: World
) -> None:
    await app["create_job"](post(JOB))
    last = body(await app["list_events"](asked()))["last"]
    begun = world.clock.now()
    page = body(await app["list_events"](asked(after=str(last), wait="30")))
    assert page == {"events": [], "last": last, "state": "queued"}
    assert world.clock.now() - begun == timedelta(seconds=30)


async def test_the_state_is_final_only_when_all_events_are_in_the_log(
    app: dict[str, Handler], world: World
) -> None:
    await app["create_job"](post(JOB))
    await world.run_until_idle()
    ended = world.log()[-1]
    await change(world, outbox=(ended,))
    last = str(int(ended.sequence))
    assert body(await app["list_events"](asked(after=last)))["state"] == "finalizing"
    await change(world, outbox=())
    begun = world.clock.now()
    assert body(await app["list_events"](asked(after=last, **WAIT)))["state"] == "succeeded"
    assert world.clock.now() == begun


async def test_who_waits_for_a_job_that_is_deleted_gets_a_404(app: dict[str, Handler], world: World) -> None:
    await app["create_job"](post({**JOB, "callBackUri": ""}))
    await world.run_until_idle()
    etag = (await app["get_job"](asked())).headers["ETag"]
    waiting = asyncio.ensure_future(app["get_job"](asked({"if-none-match": etag}, **WAIT)))
    await world.clock.sleep(timedelta(seconds=3))
    assert await purge(world.ports, "job-1")
    assert "'job-1'" in problem(await waiting, 404)["detail"]


@pytest.mark.parametrize("name", ["get_job", "get_result", "list_events"])
async def test_who_waits_for_no_job_gets_a_404_at_once(
    app: dict[str, Handler], world: World, name: str
) -> None:
    begun = world.clock.now()
    problem(await app[name](asked(**WAIT)), 404)
    assert world.clock.now() == begun


@pytest.mark.parametrize("wait", ["61", "-1", "1.5", "", "long"])
async def test_a_wait_out_of_range_is_a_400(app: dict[str, Handler], wait: str) -> None:
    assert problem(await app["get_job"](asked(wait=wait)), 400)["field"] == "wait"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("wait=8", 8),
        ('respond-async, Wait="8"; x=1', 8),
        ('return=minimal; foo="wait=1, 2", wait = 8, wait=9', 8),
        ("wait=100000", 60),
        ("wait=-1", None),
        ("wait", None),
        ("await=8", None),
        ('wait="8', None),
        ("respond-async", None),
        (",,;=", None),
    ],
)
async def test_a_preference_is_followed_if_it_makes_sense_and_the_answer_says_so(
    app: dict[str, Handler], world: World, header: str, seconds: int | None
) -> None:
    await app["create_job"](post(JOB))
    begun = world.clock.now()
    answer = await app["get_result"](asked({"prefer": header}))
    assert answer.headers.get("Preference-Applied") == (f"wait={seconds}" if seconds else None)
    assert world.clock.now() - begun == timedelta(seconds=seconds or 0)


async def test_an_answer_to_a_request_that_may_wait_is_never_kept(
    app: dict[str, Handler], world: World
) -> None:
    await app["create_job"](post(JOB))
    for name in ("get_job", "get_result", "list_events"):
        assert (await app[name](asked())).headers["Cache-Control"] == "no-store"
