"""The simulator does what Data Factory documents: limits, callbacks, polling, retries, branches, secrets."""

import asyncio
from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web

from tests.data_factory.definitions import Pipeline
from tests.data_factory.simulator import DataFactory, PipelineRun, data_factory
from tests.data_factory.stand_ins import Handler, serving

MINUTE = 2.0
"""How many seconds a minute takes: enough for an answer on a busy machine."""


@pytest.fixture
async def factory() -> AsyncIterator[DataFactory]:
    async with data_factory(minute=MINUTE) as started:
        yield started


def pipeline(*activities: dict[str, Any]) -> Pipeline:
    return msgspec.convert({"name": "p", "properties": {"activities": list(activities)}}, Pipeline)


def webhook(url: str, **properties: Any) -> dict[str, Any]:
    headers = {"Content-Type": "application/json"}
    fixed = {"url": url, "method": "POST", "headers": headers, "body": {"a": 1}, "timeout": "00:02:00"}
    return {"name": "Call", "type": "WebHook", "typeProperties": fixed | properties}


def web_call(url: str, policy: dict[str, Any] | None = None, **properties: Any) -> dict[str, Any]:
    fixed = {"url": url, "method": "GET"} | properties
    return {"name": "Call", "type": "WebActivity", "typeProperties": fixed, "policy": policy or {}}


def after(name: str, activity: str, *conditions: str) -> dict[str, Any]:
    """Return an activity that does nothing, and depends on another one."""
    depends_on = [{"activity": activity, "dependencyConditions": list(conditions)}]
    return {"name": name, "type": "Wait", "dependsOn": depends_on, "typeProperties": {"waitTimeInSeconds": 0}}


def calling_back(body: Any, content_type: str = "application/json") -> Handler:
    """Return a handler that accepts a request, and has called back before it answers."""

    async def handle(request: web.Request) -> web.Response:
        sent = await request.json()
        data = body if isinstance(body, bytes) else msgspec.json.encode(body)
        async with aiohttp.ClientSession() as http:
            headers = {"Content-Type": content_type}
            async with http.post(sent["callBackUri"], data=BytesIO(data), headers=headers) as answer:
                return web.json_response({"sent": sent["a"], "answer": answer.status}, status=202)

    return handle


async def run(
    factory: DataFactory, handler: Handler, make: Any, *others: Any, **properties: Any
) -> PipelineRun:
    """Run a pipeline that calls this handler."""
    async with serving(handler) as address:
        return await factory.run(pipeline(make(f"{address}/x", **properties), *others))


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"Output": {"x": 1}, "StatusCode": "200"}, None),
        ({"Output": {"x": 1}}, None),
        (
            {"Output": {}, "StatusCode": "400", "Error": {"ErrorCode": "Bad", "Message": "no"}},
            {"errorCode": "Bad", "message": "no"},
        ),
    ],
)
async def test_a_callback_ends_a_webhook_with_its_status(
    factory: DataFactory, body: Any, error: dict[str, str] | None
) -> None:
    ended = await run(factory, calling_back(body), webhook, reportStatusOnCallBack=True)
    assert ended.last("Call").error == error
    assert ended.status == ("Failed" if error else "Succeeded")
    assert ended.last("Call").output == body["Output"]


async def test_without_report_status_a_webhook_succeeds_whatever_is_reported(factory: DataFactory) -> None:
    body = {"StatusCode": "500", "Error": {"ErrorCode": "Bad", "Message": "no"}}
    ended = await run(factory, calling_back(body), webhook)
    assert (ended.status, ended.last("Call").output) == ("Succeeded", body)


@pytest.mark.parametrize(("body", "content_type"), [(b"{", "application/json"), (b"{}", "text/plain")])
async def test_a_callback_that_is_no_json_does_not_count(
    factory: DataFactory, body: bytes, content_type: str
) -> None:
    ended = await run(factory, calling_back(body, content_type), webhook, timeout="00:00:30")
    assert ended.last("Call").error == {
        "errorCode": "WebHookTimeout",
        "message": "The callback did not come within 00:00:30.",
    }


async def test_the_first_answer_must_come_within_a_minute(factory: DataFactory) -> None:
    async def slow(request: web.Request) -> web.Response:
        await asyncio.sleep(MINUTE * 1.5)
        return web.json_response({}, status=202)

    ended = await run(factory, slow, webhook, timeout="01:00:00")
    assert ended.status == "Failed"
    assert "did not answer within 60 seconds" in ended.last("Call").error["message"]  # type: ignore[index]


@pytest.mark.parametrize("body", ["text", [1], {"value": "@createArray(1)", "type": "Expression"}])
async def test_the_body_of_a_webhook_must_be_an_object(factory: DataFactory, body: Any) -> None:
    ended = await run(factory, calling_back({}), webhook, body=body)
    assert "must be a JSON object" in ended.last("Call").error["message"]  # type: ignore[index]


async def test_an_output_of_more_than_4_mb_fails(factory: DataFactory) -> None:
    body = {"Output": {"x": "x" * 4 * 1024 * 1024}}
    ended = await run(factory, calling_back(body), webhook, reportStatusOnCallBack=True)
    assert ended.last("Call").error["errorCode"] == "2001"  # type: ignore[index]


async def test_a_body_of_more_than_896_kb_fails(factory: DataFactory) -> None:
    ended = await run(factory, calling_back({}), webhook, body={"a": "x" * 896 * 1024})
    assert ended.last("Call").error["errorCode"] == "2002"  # type: ignore[index]


def accepting(polls: list[bool]) -> Handler:
    """Return a handler whose answer is 202 with a `Location`, which is 202 twice and then 200.

    `polls` gets whether each poll had the header of the request.
    """

    async def handle(request: web.Request) -> web.Response:
        if request.path == "/end":
            polls.append("x-key" in request.headers)
            if len(polls) == 3:
                return web.json_response({"state": "ended"})
        location = {"Location": f"http://{request.headers['Host']}/end", "Retry-After": "5"}
        return web.json_response({"state": "accepted"}, status=202, headers=location)

    return handle


@pytest.mark.parametrize("sends_headers", [True, False])
async def test_a_web_activity_polls_location_until_it_is_no_longer_202(sends_headers: bool) -> None:
    polls: list[bool] = []
    async with data_factory(minute=MINUTE, polls_send_headers=sends_headers) as factory:
        ended = await run(factory, accepting(polls), web_call, headers={"x-key": "k"})
    assert ended.last("Call").output == {"state": "ended"}
    assert polls == [sends_headers] * 3


async def test_turn_off_async_takes_202_for_the_end(factory: DataFactory) -> None:
    polls: list[bool] = []
    ended = await run(factory, accepting(polls), web_call, turnOffAsync=True)
    assert (ended.last("Call").output, polls) == ({"state": "accepted"}, [])


async def test_the_policy_says_how_often_a_web_activity_is_tried_and_how_long(factory: DataFactory) -> None:
    calls: list[str] = []

    async def fail_twice(request: web.Request) -> web.Response:
        calls.append(request.path)
        return web.json_response({}, status=500 if len(calls) < 3 else 200)

    ended = await run(factory, fail_twice, web_call, policy={"retry": 2})
    assert (ended.status, ended.last("Call").attempts) == ("Succeeded", 3)
    calls.clear()
    ended = await run(factory, fail_twice, web_call, policy={"retry": 1})
    assert (ended.status, ended.last("Call").attempts) == ("Failed", 2)
    ended = await run(factory, accepting([]), web_call, policy={"timeout": "00:00:06"})
    assert ended.last("Call").error["errorCode"] == "Timeout"  # type: ignore[index]


async def test_what_is_secure_is_not_shown_and_can_be_read(factory: DataFactory) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"value": "secret"})

    policy = {"secureInput": True, "secureOutput": True}
    ended = await run(factory, answer, web_call, policy=policy, headers={"x-key": "secret"})
    call = ended.last("Call")
    assert (call.shown_input, call.shown_output, call.output) == ("***", "***", {"value": "secret"})


@pytest.mark.parametrize(
    ("status", "conditions", "pipeline_status"),
    [
        (
            200,
            {"ok": "Succeeded", "bad": "Skipped", "always": "Succeeded", "never": "Succeeded"},
            "Succeeded",
        ),
        (500, {"ok": "Skipped", "bad": "Succeeded", "always": "Succeeded", "never": "Skipped"}, "Failed"),
    ],
)
async def test_the_conditions_of_dependencies_choose_the_branch(
    factory: DataFactory, status: int, conditions: dict[str, str], pipeline_status: str
) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({}, status=status)

    branches = [
        after("ok", "Call", "Succeeded"),
        after("bad", "Call", "Failed"),
        after("always", "Call", "Completed"),
        after("never", "bad", "Skipped"),
    ]
    ended = await run(factory, answer, web_call, *branches)
    assert {name: ended.statuses[name] for name in conditions} == conditions
    assert ended.status == pipeline_status


async def test_only_a_failure_branch_makes_a_pipeline_succeed(factory: DataFactory) -> None:
    async def fail(request: web.Request) -> web.Response:
        return web.json_response({}, status=500)

    ended = await run(factory, fail, web_call, after("bad", "Call", "Failed"))
    assert ended.status == "Succeeded"


def until(url: str, timeout: str, expression: str) -> dict[str, Any]:
    inner = [web_call(url)]
    what = {
        "expression": {"value": expression, "type": "Expression"},
        "timeout": timeout,
        "activities": inner,
    }
    return {"name": "Loop", "type": "Until", "typeProperties": what}


async def test_until_goes_on_after_a_failure_and_ends_with_the_condition(factory: DataFactory) -> None:
    calls: list[str] = []

    async def third_time(request: web.Request) -> web.Response:
        calls.append(request.path)
        return web.json_response({"n": len(calls)}, status=500 if len(calls) == 1 else 200)

    async with serving(third_time) as address:
        loop = until(address, "00:10:00", "@equals(activity('Call').output?.n, 3)")
        ended = await factory.run(pipeline(loop))
        assert (ended.status, len(calls)) == ("Succeeded", 3)
        ended = await factory.run(pipeline(until(address, "00:00:10", "@equals(1, 2)")))
        assert (ended.status, ended.last("Loop").error["errorCode"]) == ("Failed", "Timeout")  # type: ignore[index]
