"""A host that is stopped, killed, or told by a file does what Microsoft's does, or differs as listed."""

import os
import signal
import socket
import time

import pytest

from tests.functions_host.exchanges.host_process import HostProcess, end_group, wait_until
from tests.functions_host.exchanges.known import assert_as_listed
from tests.functions_host.exchanges.stage import LONG, NOTHING_SECONDS, Call, Checks, Stage

EVERY_SECOND = "* * * * * *"


def _terminate(host: HostProcess) -> Checks:
    host.process.send_signal(signal.SIGTERM)
    return Checks(start=time.time())


def _check_after_a_second(checks: Checks, stage: Stage, host: HostProcess) -> None:
    """One second after a signal: what becomes of a new message and a new connection."""
    time.sleep(1)
    stage.send("new")
    checks.same("a new connection is refused", True, host.status_code("/api/items/7") is None)


def _check_work(checks: Checks, stage: Stage, text: str, recorded: tuple[float, float]) -> None:
    checks.at(
        "the first message's function ends", recorded, stage.until_run("end", text, seconds=recorded[1] + 4)
    )


def _check_call(checks: Checks, call: Call, recorded: tuple[float, float]) -> None:
    checks.same("the HTTP call's status", 200, call.status)
    checks.at("the HTTP call is answered", recorded, call.ended)


def _check_end(checks: Checks, stage: Stage, host: HostProcess, recorded: tuple[float, float]) -> None:
    checks.at("the process ends", recorded, host.until_ended(recorded[1] + 10))
    checks.same("the exit code", 0, host.process.returncode)


@pytest.mark.host_recordings
@pytest.mark.parametrize(("name", "seconds"), [("sigterm-short-work", 4), ("sigterm-long-work", 20)])
def test_a_signal_while_a_message_and_a_call_are_in_work(stage: Stage, name: str, seconds: int) -> None:
    stage.edit_host_json(functionTimeout=LONG)
    work = f"sleep:{seconds}"
    with stage.host() as host:
        host.until_settled()
        stage.begin(work)
        call = stage.call(host, f"/api/slow?do={work}")
        time.sleep(0.5)
        checks = _terminate(host)
        _check_after_a_second(checks, stage, host)
        checks.at("the new message's function ends", (1.3, 1.5), stage.until_run("end", "new", seconds=3))
        _check_work(checks, stage, work, (seconds - 0.6, seconds - 0.5))
        _check_call(checks, call, (seconds - 0.5, seconds - 0.5))
        _check_end(checks, stage, host, (seconds - 0.4, seconds - 0.2))
        checks.same("messages left", 0, stage.messages("rec-in")[0])
        checks.same("outputs", 2, stage.messages("rec-out")[0])
    assert_as_listed("sequences", name, checks.found, checks.seen)


@pytest.mark.host_recordings
def test_a_signal_while_only_a_message_is_in_work(stage: Stage) -> None:
    stage.edit_host_json(functionTimeout=LONG)
    with stage.host() as host:
        host.until_settled()
        stage.begin("sleep:25")
        time.sleep(0.6)
        checks = _terminate(host)
        time.sleep(1)
        stage.send("new")
        checks.at("the new message's function ends", (1.3, 1.6), stage.until_run("end", "new", seconds=3))
        _check_end(checks, stage, host, (10.1, 10.1))
        end_group(host.process)
        checks.same("the long function never ends", [], stage.runs("end", "sleep:25"))
        checks.same("messages held, and visible", (1, 0), stage.messages("rec-in"))
        checks.same("outputs", 1, stage.messages("rec-out")[0])
    assert_as_listed("sequences", "sigterm-queue-work", checks.found, checks.seen)


@pytest.mark.host_recordings
def test_a_kill_and_a_restart(stage: Stage) -> None:
    stage.settings["Tick"] = EVERY_SECOND
    stage.edit_host_json(functionTimeout=LONG)
    with stage.host() as host:
        host.until_settled()
        stage.upload("before")
        assert stage.until_run("blob", seconds=40)
        assert stage.until_run("tick")
        stage.begin("sleep:5")
        host.process.kill()
        checks = Checks(start=time.time())
        end_group(host.process)
    time.sleep(1.6)
    ticks = len(stage.runs("tick"))
    with stage.host() as host:
        host.until_settled()
        ready = round(time.time() - checks.start, 1)
        stage.send("after")
        stage.upload("after")
        ran = stage.until_run("end", "after")
        checks.at("the new message runs", (ready + 0.2, ready + 0.2), ran)
        first_tick = stage.until_run("tick", count=ticks + 1, seconds=75)
        checks.at("the first tick", (65.6 - 5 + ready, 65.7 - 5 + ready), first_tick)
        blob = stage.until_run("blob", count=2, seconds=40)
        checks.at("the new blob's function runs", (65.0 - 5 + ready, 65.4 - 5 + ready), blob)
        checks.same("messages held, and visible", (1, 0), stage.messages("rec-in"))
    assert_as_listed("sequences", "sigkill-and-restart", checks.found, checks.seen)


def test_app_offline_appears(stage: Stage) -> None:
    with stage.host() as host:
        host.until_settled()
        checks = Checks(start=time.time())
        (stage.app / "app_offline.htm").write_text("<p>offline</p>")
        # After a tenth of a second. But a process that ends takes as long as the machine is busy.
        checks.same("the process ends", True, host.until_ended(30) is not None)
        checks.same("a new connection is refused", True, host.status_code("/api/items/7") is None)
        checks.same("the exit code", 0, host.process.returncode)
        stage.send("hello")
        checks.same("the message waits", None, stage.until_run("start", "hello", seconds=NOTHING_SECONDS))
    assert_as_listed("sequences", "app-offline-appears", checks.found, checks.seen)


def test_app_offline_at_the_start(stage: Stage) -> None:
    (stage.app / "app_offline.htm").write_text("<p>offline</p>")
    stage.send("hello")
    with stage.host() as host:
        checks = Checks(start=time.time())
        host.until_settled()
        checks.same("the process runs", True, host.is_running)
        answer = stage.call(host, "/api/items/7").result.result()[0]
        checks.same("the status of an HTTP call", 503, answer and answer.status)
        checks.same("its type", "text/html", answer and answer.header("content-type"))
        checks.same("its body", b"<p>offline</p>", answer and answer.body)
        checks.same("the message waits", None, stage.until_run("start", "hello", seconds=NOTHING_SECONDS))
        checks.same("the state", "Offline", host.status().get("state"))
    assert_as_listed("sequences", "app-offline-at-start", checks.found, checks.seen)


@pytest.mark.host_recordings
def test_host_json_is_rewritten(stage: Stage) -> None:
    with stage.host() as host:
        host.until_settled()
        stage.begin("sleep:6")
        call = stage.call(host, "/api/slow?do=sleep:6")
        time.sleep(0.3)
        path = stage.app / "host.json"
        path.write_text(path.read_text() + "\n")
        checks = Checks(start=time.time())
        time.sleep(1)
        statuses = []
        for _ in range(8):
            statuses.append(host.status_code("/api/items/7"))
            time.sleep(1)
        checks.same("calls each second", {200}, set(statuses))
        checks.same("the call in work", 500, call.status)
        checks.at("the call in work is answered", (21.7, 21.7), call.ended)
        checks.same("the first message's function never ends", [], stage.runs("end", "sleep:6"))
        checks.same("messages held, and visible", (1, 0), stage.messages("rec-in"))
        checks.same("the process runs", True, host.is_running)
    assert_as_listed("sequences", "host-json-rewritten", checks.found, checks.seen)


def test_a_port_in_use(stage: Stage) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with stage.host(other.getsockname()[1]) as host:
            checks = Checks(start=time.time())
            checks.at("the process ends", (0, 10), host.until_ended(20))
            checks.same("the exit code", -signal.SIGABRT, host.process.returncode)
    assert_as_listed("sequences", "port-in-use", checks.found, checks.seen)


@pytest.mark.host_recordings
def test_the_worker_is_killed(stage: Stage) -> None:
    with stage.host() as host:
        host.until_settled()
        stage.begin("sleep:10")
        call = stage.call(host, "/api/slow?do=sleep:8")
        assert stage.until_run("start", "sleep:8")
        time.sleep(1)
        os.kill(stage.runs("start")[0]["pid"], signal.SIGKILL)
        checks = Checks(start=time.time())
        time.sleep(0.1)
        items = stage.call(host, "/api/items/7")
        checks.same("the call in work", 500, call.status)
        checks.at("the call in work is answered", (0.1, 0.1), call.ended)
        checks.same("a new call", 200, items.status)
        checks.at("the new call is answered", (0.3, 0.3), items.ended)
        again = stage.until_run("start", "sleep:10", count=2, seconds=10)
        checks.at("the message is taken again", (4.4, 4.8), again)
        checks.at(
            "it ends well", (14.4, 14.8), stage.until_run("end", "sleep:10", seconds=15 if again else 0)
        )
        checks.same("the process runs", True, host.is_running)
    assert_as_listed("sequences", "worker-killed", checks.found, checks.seen)


@pytest.mark.host_recordings
def test_calls_end_the_worker(stage: Stage) -> None:
    with stage.host() as host:
        host.until_settled()
        checks = Checks(start=time.time())
        sleeping = stage.call(host, "/api/slow?do=sleep:3")
        time.sleep(0.3)
        first = stage.call(host, "/api/slow?do=exit:3")
        time.sleep(0.1)
        items = stage.call(host, "/api/items/7")
        checks.same("the call that sleeps", 500, sleeping.status)
        checks.same("the first exit", 500, first.status)
        checks.same("a new call", 200, items.status)
        checks.at("the new call is answered", (0.6, 0.6), items.ended)
        time.sleep(max(0, checks.start + 4.6 - time.time()))
        checks.same("the second exit", 500, stage.call(host, "/api/slow?do=exit:3").status)
        time.sleep(max(0, checks.start + 5.6 - time.time()))
        third = stage.call(host, "/api/slow?do=exit:3")
        checks.same("the third exit", 500, third.status)
        checks.at("the third exit is answered", (10.7, 11.2), third.ended)
        checks.at("the process ends", (11.7, 12.2), host.until_ended(5))
        checks.same("the exit code", 0, host.process.returncode)
    assert_as_listed("sequences", "call-that-ends-the-worker", checks.found, checks.seen)


@pytest.mark.host_recordings
def test_a_function_exceeds_the_timeout(stage: Stage) -> None:
    stage.edit_host_json(functionTimeout="00:00:08", queues={"visibilityTimeout": "00:00:03"})
    with stage.host() as host:
        host.until_settled()
        checks = Checks(start=stage.begin("sleep:60"))
        time.sleep(max(0, checks.start + 4 - time.time()))
        stage.send("sleep:5")
        slow = stage.call(host, "/api/slow?do=sleep:5.5")
        asynchronous = stage.call(host, "/api/slow-async?seconds=7")
        time.sleep(max(0, checks.start + 8.4 - time.time()))
        checks.same("a new call after the timeout", 200, host.status_code("/api/items/7"))
        time.sleep(max(0, checks.start + 10.5 - time.time()))
        answered = wait_until(lambda: host.status_code("/api/items/7") == 200, 15)
        checks.same("calls are answered again", True, answered)
        checks.at("the message beside it ends", (9.0, 9.2), stage.until_run("end", "sleep:5", seconds=3))
        checks.same("the slow call", 200, slow.status)
        checks.at("the slow call is answered", (9.5, 9.7), slow.ended)
        checks.same("the async call", 500, asynchronous.status)
        checks.at("the async call is answered", (14.0, 14.1), asynchronous.ended)
        again = stage.until_run("start", "sleep:60", count=2, seconds=15)
        checks.at("the message is taken again", (23.8, 24.6), again)
        checks.same("the state", "Running", host.status().get("state"))
    assert_as_listed("sequences", "function-timeout", checks.found, checks.seen)
