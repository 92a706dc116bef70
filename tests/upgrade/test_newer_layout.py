"""An app that finds what a later version has stored leaves it alone, and says what to do."""

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import azure.functions as func
import pytest
from azure.storage.blob.aio import BlobServiceClient

from batchmgr.errors import NewerLayoutError
from batchmgr.functions.http_responses import error_response
from batchmgr.functions.queue_job_requests import take_request
from batchmgr.model.job_states import JobState
from batchmgr.model.retention import Retention
from batchmgr.usecases.accept import accept
from batchmgr.usecases.finalize import finalize_or_retry
from batchmgr.usecases.poll import poll
from batchmgr.usecases.purge import purge
from batchmgr.usecases.retain import find_due, retain
from batchmgr.wire import layout
from batchmgr.wire.json_codec import encode
from batchmgr.wire.queue_message import JobReference
from tests.upgrade.stored_world import stored_world
from tests.usecases.sweep_workload import sweep_message
from tests.usecases.test_retain import replace_ports
from tests.world import World, job_message

SENTENCE = "was stored by a later version of batchmgr"


@contextmanager
def a_later_version() -> Iterator[None]:
    """Store in the next layout meanwhile. Each reads the JSON of the other alike, but for the number."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layout, "LAYOUT", 2)
        patch.setattr(layout, "UPGRADES", {1: lambda value: value})
        patch.setattr("batchmgr.adapters.blob_event_log.LAYOUT", 2)
        yield


@pytest.fixture
async def world(connection_string: str) -> AsyncIterator[World]:
    async with stored_world(connection_string) as world:
        yield world


async def blobs_of(connection_string: str) -> dict[str, str]:
    """Return the ETags of all blobs."""
    found = {}
    async with BlobServiceClient.from_connection_string(connection_string) as blobs:
        for name in ("batchmgr-jobs", "batchmgr-events"):
            async for blob in blobs.get_container_client(name).list_blobs():
                found[f"{name}/{blob.name}"] = str(blob.etag)
    return found


async def test_the_earlier_version_touches_nothing_and_the_later_one_goes_on(
    world: World, connection_string: str, caplog: pytest.LogCaptureFixture
) -> None:
    with a_later_version():
        await take_request(world.ports, encode(sweep_message()), "q-1")
        world.batch.run()
    before = await blobs_of(connection_string)
    with caplog.at_level(logging.WARNING):
        await poll(world.ports)
        await finalize_or_retry(world.ports, "job-1")
        await retain(replace_ports(world.ports, keep=Retention(jobs=None)))
    assert [item async for item in find_due(world.ports)] == []
    assert caplog.text.count(SENTENCE) >= 2
    for body in (encode(sweep_message()), encode(JobReference(stored_job_id="job-1"))):
        with pytest.raises(NewerLayoutError, match=SENTENCE):  # the host tries the message again later
            await take_request(world.ports, body, "q-1")
    with pytest.raises(NewerLayoutError):
        await purge(world.ports, "job-1")
    assert await blobs_of(connection_string) == before
    assert world.queue.poison == []
    assert [message.queue for message in world.queue.messages] == ["finalize"]
    assert world.callbacks.received == []
    with a_later_version():
        await finalize_or_retry(world.ports, "job-1")
        await world.deliveries.finish()
        assert (await world.ports.jobs.load("job-1")).value.state is JobState.SUCCEEDED
    assert len(world.callbacks.received) == 1


async def test_the_later_version_goes_on_with_what_the_earlier_one_has_begun(world: World) -> None:
    await accept(world.ports, "job-1", job_message(), is_checked=False)
    with a_later_version():
        await take_request(world.ports, encode(JobReference(stored_job_id="job-1")), "q-1")
        for job_id in world.batch.run():
            await finalize_or_retry(world.ports, job_id)
        await world.deliveries.finish()
        record = (await world.ports.jobs.load("job-1")).value
        assert record.state is JobState.SUCCEEDED
        log = await world.ports.events.read("job-1", 0, 100)
        assert [int(event.sequence) for event in log] == list(range(1, len(log) + 1))


async def test_a_caller_is_told_to_try_again(world: World) -> None:
    with a_later_version():
        await accept(world.ports, "job-1", job_message())
    with pytest.raises(NewerLayoutError) as raised:
        await world.ports.jobs.load("job-1")
    answer = error_response(raised.value)
    assert isinstance(answer, func.HttpResponse)
    assert answer.status_code == 503
    assert "Retry-After" in answer.headers
    assert SENTENCE in answer.get_body().decode()


async def test_an_index_note_of_a_later_version_counts_as_none(world: World) -> None:
    with a_later_version():
        await take_request(world.ports, encode(job_message()), "q-1")
        await poll(world.ports)
    [noted] = [job async for job in world.ports.jobs.active_jobs()]
    assert noted.state is None
