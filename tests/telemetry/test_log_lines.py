"""Each line of the log that alerts look for has its name, whatever its text is."""

import asyncio
from functools import partial

import azure.functions as func
import pytest

from batchmgr.errors import ServiceBusyError, SettingsError
from batchmgr.functions import timer_poll
from batchmgr.functions.queue_job_requests import take_request
from batchmgr.model.telemetry_names import LOG_LINE, LogLine
from batchmgr.ports import Ports
from batchmgr.runtime import Runtime
from batchmgr.settings import Settings
from batchmgr.steps.obstacles import LEAST_TIME, MAX_TRIES, attempt
from batchmgr.usecases.accept import accept
from batchmgr.usecases.empty_poison import empty_poison_queues
from batchmgr.usecases.poll import poll
from tests.usecases.test_obstacles import Faults
from tests.world import World, job_message


@pytest.fixture(name="world")
def a_world() -> World:
    world = World()
    world.may_fail = True
    return world


def lines(caplog: pytest.LogCaptureFixture) -> set[LogLine]:
    """The names of the lines that were logged."""
    return {LogLine(record.__dict__[LOG_LINE]) for record in caplog.records if LOG_LINE in record.__dict__}


async def test_an_app_with_wrong_settings(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(SettingsError):
        await Runtime(Settings(), SettingsError("BATCHMGR_BATCH_ENDPOINT is missing")).ports()
    assert lines(caplog) == {LogLine.NOT_CONFIGURED}


async def test_a_job_that_batchmgr_gives_up(world: World, caplog: pytest.LogCaptureFixture) -> None:
    await accept(world.ports, "job-1", job_message())

    async def breaks(ports: Ports, job_id: str) -> None:
        raise ZeroDivisionError

    for _ in range(MAX_TRIES):
        world.clock.advance(LEAST_TIME)
        await attempt(world.ports, "job-1", "submit", breaks)
    assert lines(caplog) == {LogLine.INTERNAL_ERROR}


@pytest.mark.parametrize("error", [ServiceBusyError("503"), KeyError("x")], ids=["busy", "unexpected"])
async def test_a_job_that_can_not_be_polled(
    world: World, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    await accept(world.ports, "job-1", job_message())
    await poll(Faults(world, error, "jobs.load").ports)
    assert lines(caplog) == {LogLine.POLL_FAILED}


async def test_a_poll_that_takes_too_long(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timer_poll, "time_limit", partial(asyncio.timeout, 0))
    app, runtime = func.FunctionApp(), Runtime(Settings())

    async def never() -> Ports:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(runtime, "ports", never)
    app.register_functions(timer_poll.blueprint(runtime))
    (poll_jobs,) = app.get_functions()
    await poll_jobs.get_user_function()(None)
    assert lines(caplog) == {LogLine.POLL_CUT_OFF}


async def test_a_message_that_nobody_can_use(world: World, caplog: pytest.LogCaptureFixture) -> None:
    await take_request(world.ports, b"\xff not a message", "fallback")
    assert lines(caplog) == {LogLine.MESSAGE_KEPT}
    caplog.clear()
    await empty_poison_queues(world.ports)
    assert lines(caplog) == {LogLine.MESSAGE_KEPT}
