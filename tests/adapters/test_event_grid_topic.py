"""Events are posted to a topic as the client of Event Grid does it, and what a topic may answer."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from aiohttp import web
from azure.core.credentials import AzureKeyCredential
from azure.eventgrid.aio import EventGridPublisherClient

from batchmgr.adapters.event_grid_topic import MAX_REQUEST, EventGridTopic, EventSinks
from batchmgr.errors import ServiceAccessError, ServiceBusyError, ServiceError
from batchmgr.model.cloud_event import Event


def event(number: int, size: int = 10) -> Event:
    return Event(
        id=f"jobs/a/{number}",
        type="batchmgr.job.running",
        subject="jobs/a",
        time=datetime(2026, 11, 28, tzinfo=UTC),
        sequence=f"{number:010d}",
        body=msgspec.Raw(msgspec.json.encode({"text": "x" * size})),
    )


class Topic:
    """A topic of Event Grid: what was posted to it, and the status that it answers."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.posted: list[tuple[dict[str, str], bytes]] = []

    async def post(self, request: web.Request) -> web.Response:
        self.posted.append((dict(request.headers), await request.read()))
        assert request.query["api-version"] == "2018-01-01"
        return web.Response(status=self.status)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [one for _, body in self.posted for one in json.loads(body)]

    @asynccontextmanager
    async def sink(self) -> AsyncIterator[EventGridTopic]:
        app = web.Application(client_max_size=MAX_REQUEST + 1)
        app.router.add_post("/api/events", self.post)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        endpoint = f"http://127.0.0.1:{runner.addresses[0][1]}/api/events"
        try:
            async with EventGridPublisherClient(endpoint, AzureKeyCredential("k"), retry_total=0) as client:
                yield EventGridTopic(client, endpoint)
        finally:
            await runner.cleanup()


async def test_events_are_posted_as_a_batch_of_cloud_events_with_the_credential() -> None:
    topic = Topic()
    async with topic.sink() as sink:
        await sink.send([event(1), event(2)])
        await sink.check()
    (headers, _), *others = topic.posted
    assert others == []
    assert headers["Content-Type"] == "application/cloudevents-batch+json; charset=utf-8"
    assert "k" in headers.values()
    assert [one["sequence"] for one in topic.events] == ["0000000001", "0000000002"]
    assert topic.events[0]["specversion"] == "1.0"


async def test_no_request_is_larger_than_a_megabyte_and_no_event_is_lost() -> None:
    topic = Topic()
    async with topic.sink() as sink:
        await sink.send([event(number, 40_000) for number in range(60)])
    assert len(topic.posted) == 3
    assert max(len(body) for _, body in topic.posted) <= MAX_REQUEST
    assert [int(one["sequence"]) for one in topic.events] == list(range(60))


@pytest.mark.parametrize(
    ("status", "kind"),
    [(403, ServiceAccessError), (401, ServiceAccessError), (503, ServiceBusyError), (413, ServiceError)],
)
async def test_a_topic_that_refuses_is_an_error_that_says_what_is_missing(
    status: int, kind: type[ServiceError]
) -> None:
    topic = Topic(status)
    async with topic.sink() as sink:
        for _ in range(3):
            with pytest.raises(kind) as caught:
                await sink.send([event(1)])
        with pytest.raises(kind):
            await sink.check()
    assert len(topic.posted) == 1  # it is left alone for some seconds
    if kind is ServiceAccessError:
        assert "EventGrid Data Sender" in str(caught.value)


class Recorder:
    """A sink that keeps what it is sent, or fails."""

    def __init__(self, *, fails: bool = False) -> None:
        self.fails = fails
        self.sent: list[Event] = []

    async def send(self, events: Sequence[Event]) -> None:
        await self.check()
        self.sent.extend(events)

    async def check(self) -> None:
        if self.fails:
            raise ServiceBusyError("it fails")


async def test_a_place_that_fails_does_not_keep_events_from_the_others_and_is_told() -> None:
    good, bad = Recorder(), Recorder(fails=True)
    for sinks in (EventSinks(good, bad), EventSinks(bad, good)):
        with pytest.raises(ServiceBusyError):
            await sinks.send([event(1)])
        with pytest.raises(ServiceBusyError):
            await sinks.check()
    assert len(good.sent) == 2
    bad.fails = False
    await EventSinks(good, bad).send([event(2)])
    assert bad.sent == [event(2)]
