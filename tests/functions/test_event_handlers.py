"""Queue, timer and blob functions, with their input made by the converters that the Python worker uses."""

import json
from typing import Any

import azure.functions as func
import pytest
from azure.functions.meta import Datum

from batchmgr.errors import SettingsError
from batchmgr.model.job_states import JobState
from batchmgr.runtime import Runtime
from batchmgr.settings import Settings
from tests.functions.app import Handler, ReadyRuntime, handlers
from tests.world import World

TASKS = [{"id": "a", "commandLine": "true"}]


def queue_message(body: str, *, id: str = "m-1") -> func.QueueMessage:
    """A message with the metadata that the host adds."""
    metadata = {"Id": Datum(id, "string"), "DequeueCount": Datum("1", "json")}
    message: func.QueueMessage = _converted("queueTrigger", Datum(body.encode(), "bytes"), metadata)
    return message


def finalize_blob(name: str) -> func.InputStream:
    """A finalize blob; its content counts for nothing."""
    metadata = {"BlobTrigger": Datum(name, "string")}
    blob: func.InputStream = _converted("blobTrigger", Datum(b"{}", "bytes"), metadata)
    return blob


def tick() -> func.TimerRequest:
    info = {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": None, "IsPastDue": False}
    timer: func.TimerRequest = _converted("timerTrigger", Datum(json.dumps(info), "json"), {})
    return timer


def _converted(binding: str, data: Datum, metadata: dict[str, Datum]) -> Any:
    return func.get_binding_registry().get(binding).decode(data, trigger_metadata=metadata)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def app(world: World) -> dict[str, Handler]:
    """The functions, on a world of fakes."""
    return handlers(ReadyRuntime(world.ports))


async def test_a_message_without_a_job_id_is_one_job_even_if_it_is_delivered_often(
    app: dict[str, Handler], world: World
) -> None:
    for _ in range(2):
        await app["submit_job"](queue_message(json.dumps({"tasks": TASKS}), id="4A1F"))
    assert list(world.jobs.records) == ["q-4a1f"]
    assert len(world.batch.created) == 1


@pytest.mark.parametrize("body", ['{"colour": "blue"}', '{"id": "mine", "tasks": []}'])
async def test_an_invalid_object_becomes_a_rejected_job_named_after_the_message(
    app: dict[str, Handler], world: World, body: str
) -> None:
    await app["submit_job"](queue_message(body, id="m-1"))
    assert world.record("q-m-1").state is JobState.REJECTED
    assert world.queue.poison == []


@pytest.mark.parametrize("body", ["", "{", "not json", "[]", "null", '{"jobId": 7}', '{"jobId": "no id"}'])
async def test_a_message_without_a_readable_id_is_rejected_and_kept_in_the_poison_queue(
    app: dict[str, Handler], world: World, body: str
) -> None:
    await app["submit_job"](queue_message(body, id="m-1"))
    assert world.queue.poison == [body.encode()]
    [record] = [stored.value for stored in world.jobs.records.values()]
    assert (record.job_id[:2], record.state) == ("m-", JobState.REJECTED)
    assert [event.type for event in world.sink.sent] == ["batchmgr.job.rejected"]


async def test_a_reference_to_an_unknown_job_goes_to_the_poison_queue(
    app: dict[str, Handler], world: World
) -> None:
    await app["submit_job"](queue_message('{"storedJobId":"none"}'))
    assert world.queue.poison == [b'{"storedJobId":"none"}']


@pytest.mark.parametrize("body", ["{}", "hello", '{"storedJobId": "none"}'])
@pytest.mark.parametrize("name", ["deliver_callback", "finalize_job_again"])
async def test_a_message_that_is_not_batchmgrs_is_told_and_not_tried_for_hours(
    app: dict[str, Handler], world: World, caplog: pytest.LogCaptureFixture, name: str, body: str
) -> None:
    await app[name](queue_message(body))
    assert len(caplog.records) == 1
    assert world.queue.messages == []


async def test_a_finalize_blob_of_an_unknown_job_changes_nothing(
    app: dict[str, Handler], world: World
) -> None:
    await app["finalize_job"](finalize_blob("batchmgr-finalize/none.json"))
    assert world.jobs.records == {}
    assert world.callbacks.received == []


async def test_the_job_of_a_finalize_blob_is_the_one_in_its_name(
    app: dict[str, Handler], world: World
) -> None:
    await app["submit_job"](queue_message(json.dumps({"jobId": "Job-1", "tasks": TASKS})))
    world.batch.run()
    await app["finalize_job"](finalize_blob("batchmgr-finalize/Job-1.json"))
    assert world.record("job-1").state is JobState.SUCCEEDED


async def test_a_timer_tick_without_jobs_does_nothing(app: dict[str, Handler], world: World) -> None:
    await app["poll_jobs"](tick())
    assert world.queue.messages == []


async def test_a_timer_tick_ends_a_job_whose_finalize_blob_was_lost(
    app: dict[str, Handler], world: World
) -> None:
    await app["submit_job"](queue_message(json.dumps({"jobId": "job-1", "tasks": TASKS})))
    world.batch.run()
    await app["poll_jobs"](tick())
    assert list(world.finalize.blobs) == ["job-1"]


@pytest.mark.parametrize(
    ("name", "argument"),
    [
        ("submit_job", queue_message("{}")),
        ("deliver_callback", queue_message('{"storedJobId":"job-1"}')),
        ("finalize_job_again", queue_message('{"storedJobId":"job-1"}')),
    ],
)
async def test_without_settings_a_queue_trigger_leaves_its_message_alone(name: str, argument: object) -> None:
    with pytest.raises(SettingsError, match="AzureWebJobsStorage"):
        await handlers(Runtime(Settings()))[name](argument)


@pytest.mark.parametrize(
    ("name", "argument"),
    [("poll_jobs", tick()), ("finalize_job", finalize_blob("batchmgr-finalize/job-1.json"))],
)
async def test_without_settings_timer_and_blob_trigger_do_nothing(name: str, argument: object) -> None:
    await handlers(Runtime(Settings()))[name](argument)  # the poller makes good for it
