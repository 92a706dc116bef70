"""A host whose storage goes, and one that has nothing to do, do as Microsoft's, or differ as listed."""

import time
from collections.abc import Iterator

import pytest

from tests.functions_host.exchanges.gate import StorageGate, storage_gate
from tests.functions_host.exchanges.host_process import HostProcess, wait_until
from tests.functions_host.exchanges.known import assert_as_listed
from tests.functions_host.exchanges.stage import Checks, Stage

pytestmark = pytest.mark.host_recordings

EVERY_SECOND = "* * * * * *"
LOOK_SECONDS = 2.4
"""The longest pause between two looks at a queue with `maxPollingInterval` 2 s: 20 % more at most."""


@pytest.fixture
def gate(stage: Stage) -> Iterator[StorageGate]:
    """The way from the host to its storage; the test itself goes another way."""
    with storage_gate(stage.connection_string) as gate:
        stage.settings["AzureWebJobsStorage"] = gate.connection_string
        yield gate


def _wait(checks: Checks, seconds: float) -> None:
    """Wait until so many seconds after the stimulus."""
    time.sleep(max(0, checks.start + seconds - time.time()))


def test_a_start_without_storage(stage: Stage, gate: StorageGate) -> None:
    gate.close()
    with stage.host() as host:
        time.sleep(8)
        refused = host.status_code("/api/items/7") is None
        runs = host.is_running
        gate.open()
        checks = Checks(start=time.time())
        checks.same("the connection is refused before", True, refused)
        checks.same("the process runs before", True, runs)
        stage.send("hello")
        seconds = 20 if host.is_running else 0
        checks.at("the message is taken", (0, 6.5), stage.until_run("start", "hello", seconds=seconds))
        listens = wait_until(lambda: host.status_code("/api/items/7") == 200, seconds)
        checks.at("it listens", (0, 7.6), time.time() if listens else None)
    assert_as_listed("sequences", "start-without-storage", checks.found, checks.seen)


def _lose_storage(stage: Stage, gate: StorageGate) -> Checks:
    """Stop storage while a message is in work."""
    stage.begin("sleep:3")
    checks = Checks(start=time.time())
    gate.close()
    return checks


def _check_that_it_runs(checks: Checks, host: HostProcess, seconds: float) -> None:
    _wait(checks, seconds)
    checks.same(f"a call after {seconds} s", 200, host.status_code("/api/items/7"))
    checks.same(f"the state after {seconds} s", "Running", host.status().get("state"))


def test_storage_is_lost_for_ten_seconds(stage: Stage, gate: StorageGate) -> None:
    stage.settings["Tick"] = EVERY_SECOND
    with stage.host() as host:
        host.until_settled()
        assert stage.until_run("tick")
        checks = _lose_storage(stage, gate)
        _check_that_it_runs(checks, host, 5.1)
        _check_that_it_runs(checks, host, 10.1)
        _wait(checks, 11)
        ticks = [tick for tick in stage.runs("tick") if tick["time"] > checks.start + 1]
        checks.same("ticks go on", True, len(ticks) >= 8)
        gate.open()
        back = time.time() - checks.start
        stage.send("after")
        stage.upload("after")
        checks.at("the new message runs", (back + 1, back + 2), stage.until_run("end", "after"))
        checks.at("the new blob's function runs", (back + 4, back + 7), stage.until_run("blob", seconds=30))
        wait_until(lambda: stage.messages("rec-in")[0] == 0, 10)
        checks.same("messages left", 0, stage.messages("rec-in")[0])
        checks.same("outputs", 2, stage.messages("rec-out")[0])
        checks.same("runs of the first message", 1, len(stage.runs("start", "sleep:3")))
        checks.same("the process runs", True, host.is_running)
    assert_as_listed("sequences", "storage-lost-10", checks.found, checks.seen)


def test_storage_is_lost_for_forty_seconds(stage: Stage, gate: StorageGate) -> None:
    stage.settings["Tick"] = EVERY_SECOND
    with stage.host() as host:
        host.until_settled()
        assert stage.until_run("tick")
        checks = _lose_storage(stage, gate)
        _check_that_it_runs(checks, host, 5.1)
        _check_that_it_runs(checks, host, 21.5)
        _wait(checks, 31)
        checks.at("the last tick", (22.8, 27.4), stage.runs("tick")[-1]["time"])
        checks.same("a call after 31 s", None, host.status_code("/api/items/7"))
        checks.at("the process ends", (33.2, 37.7), host.until_ended(11))
        checks.same("the exit code", 0, host.process.returncode)
        _wait(checks, 41.1)
        gate.open()
        checks.same("the message stays hidden", 0, stage.messages("rec-in")[1])
    assert_as_listed("sequences", "storage-lost-40", checks.found, checks.seen)


def _wait_of_a_message(stage: Stage, text: str, idle: float, seconds: float) -> float:
    """Send a message after some idle seconds; return how long it waited for its function."""
    time.sleep(idle)
    sent = time.time()
    stage.send(text)
    return (stage.until_run("start", text, seconds=seconds) or sent + seconds) - sent


def test_an_idle_queue_in_production(stage: Stage) -> None:
    stage.settings["AZURE_FUNCTIONS_ENVIRONMENT"] = "Production"
    stage.edit_host_json(extensions={})
    with stage.host() as host:
        host.until_settled()
        stage.begin("first")
        # Microsoft's looks about 26 and 51 s after the last message: this one waits about 11 s.
        waited = _wait_of_a_message(stage, "late", 40, 70)
        checks = Checks(start=time.time())
        checks.same("a message after 40 s waits for seconds", True, 3 < waited < 22)
    assert_as_listed("sequences", "idle-latency-default", checks.found, f"waited {waited:.1f} s")


def test_an_idle_queue_that_is_looked_at_every_two_seconds(stage: Stage) -> None:
    stage.settings["AZURE_FUNCTIONS_ENVIRONMENT"] = "Production"
    with stage.host() as host:
        host.until_settled()
        stage.begin("first")
        waited = [_wait_of_a_message(stage, f"after {idle}", idle, 30) for idle in (20, 5)]
        checks = Checks(start=time.time())
        checks.same("no message waits longer", True, max(waited) < LOOK_SECONDS + 1)
    assert_as_listed("sequences", "idle-latency-two-seconds", checks.found, f"waited {waited}")
