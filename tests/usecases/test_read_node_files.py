"""What tasks leave is read with limits, whatever it is. No file keeps a job from its end."""

import json
from collections.abc import Mapping
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchmgr.errors import ServiceConflictError, ServiceRefusedError
from batchmgr.model.job_states import JobState
from batchmgr.plan.job_plan import MAX_PLANNED_BYTES
from batchmgr.steps.read_node_files import (
    ERROR_REPORT_BYTES,
    ERROR_REPORT_START,
    error_report,
    read_result,
    result,
)
from batchmgr.workload.task_error_report import TaskErrorReport
from tests.world import World, job_message, task

ERROR_FILE = "wd/batchmgr-error.json"
TEXT = st.text(max_size=60) | st.sampled_from(['"', "\\", "\n", "\x00", "é", "𝄞", '\\"', "\\u00"])
JUNK: Mapping[str, bytes] = {
    "nothing": b"",
    "no UTF-8": b'{"type": "KeyError", "message": "\xff\xfe"}',
    "half a character": b'{"type": "KeyError", "message": "\\ud800"}',
    "deep": b"[" * 100_000,
    "deep in a report": b'{"type": %s' % (b"[" * 30_000),
    "numbers": b'{"type": 1, "message": 2}',
    "cut": b'{"type": "KeyError", "mess',
    "zeros": bytes(100_000),
}


@pytest.mark.parametrize("content", JUNK.values(), ids=list(JUNK))
async def test_a_job_ends_whatever_a_failed_task_leaves(content: bytes) -> None:
    world = World()
    world.batch.files = {("a", ERROR_FILE): content, ("a", "stderr.txt"): content}
    world.enqueue(job_message(task("a", "/bin/false"), task("b")))
    await world.run_until_idle()
    assert world.record().state is JobState.PARTIAL
    assert len(world.callbacks.received) == 1
    [failed] = [event for event in world.log() if event.type == "batchmgr.task.failed"]
    assert failed.data["exitCode"] == 1


@pytest.mark.parametrize("content", JUNK.values(), ids=list(JUNK))
async def test_a_job_ends_whatever_a_task_publishes(content: bytes) -> None:
    world = World()
    world.batch.on_success["1"] = lambda: world.report("1", result={"x": 1})
    world.batch.on_success["2"] = lambda: world.files.blobs.update(
        {"job-1/batchmgr-reports/1.json": content, "job-1/batchmgr-manifest.json": content}
    )
    world.enqueue(job_message())
    await world.run_until_idle()
    assert world.record().state is JobState.SUCCEEDED


@pytest.mark.parametrize("size", [100_000, 5_000_000])
@pytest.mark.parametrize("letter", ["x", "\n", '"', "\\", "é", "\x00"])
async def test_a_long_report_keeps_its_type_its_message_and_its_category(size: int, letter: str) -> None:
    world = World()
    lines = f"Traceback{letter * size} and so on\nValueError: no genome"
    report = {"type": "InvalidInputError", "message": "no genome", "traceback": lines, "kind": "input"}
    world.batch.files["a", ERROR_FILE] = json.dumps(report).encode()
    world.enqueue(job_message(task("a", "/bin/false")))
    await world.run_until_idle()
    [failed] = world.record().run.failed_tasks
    assert failed.error is not None
    assert (failed.error.type, failed.error.message) == ("InvalidInputError", "no genome")
    assert failed.error.category == "BadInput"
    [event] = [one for one in world.log() if one.type == "batchmgr.task.failed"]
    assert event.data["error"]["traceback"].endswith("genome")  # type: ignore[index]


@given(
    st.fixed_dictionaries(
        {"type": st.text("ab", max_size=9), "message": TEXT, "traceback": TEXT, "kind": st.just("input")}
    ),
    st.sampled_from(["traceback", "message"]),
    st.integers(0, 40),
    st.booleans(),
)
def test_a_report_without_its_middle_is_read(
    report: dict[str, str], long: str, offset: int, ascii_only: bool
) -> None:
    filling = (report[long] + "x" * 13) * (2 * ERROR_REPORT_BYTES // (len(report[long]) + 13))
    report[long] = "y" * offset + filling
    body = json.dumps(report, ensure_ascii=ascii_only).encode(errors="replace")
    tail = ERROR_REPORT_BYTES - ERROR_REPORT_START
    found = error_report(body[:ERROR_REPORT_START] + body[-tail:])
    assert found is not None
    assert (found.type, found.kind) == (report["type"], "input")
    assert found.message[:offset] == report["message"][:offset]


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(body: bytes) -> None:
    for content in (body, b'{"type": "' + body, b'{"result": ' + body, b'{"result": {"x": "' + body + b'"}}'):
        report = error_report(content)
        assert report is None or isinstance(report, TaskErrorReport)
        found = result(content)
        assert found is None or json.loads(json.dumps(found)) == found
    error_report(body * (ERROR_REPORT_BYTES // max(1, len(body)) + 1))


def test_a_result_with_a_byte_that_is_no_text_is_kept_with_a_question_mark() -> None:
    assert result(b'{"result": {"v": "a\xffb"}}') == {"v": "a\ufffdb"}


@pytest.mark.parametrize("error", [ServiceConflictError, ServiceRefusedError])
async def test_a_result_that_storage_will_never_return_is_no_result(error: type[Exception]) -> None:
    world = World()

    async def archived(job_id: str, path: str, max_bytes: int) -> bytes | None:
        raise error("BlobArchived")

    world.files.read = archived  # type: ignore[method-assign]
    assert await read_result(world.ports, "job-1", "1") is None


async def test_a_plan_that_is_too_large_rejects_the_job_with_a_reason() -> None:
    world = World()
    message = world.plan_on_node(task("1"))
    made = dict.fromkeys(["job-1/batchmgr-tasks.json"], bytes(MAX_PLANNED_BYTES + 1))
    world.batch.on_success["batchmgr-job-manager"] = lambda: world.files.blobs.update(made)
    world.enqueue(message)
    await world.run_until_idle()
    assert world.record().state is JobState.REJECTED
    assert world.record().error is not None
    assert "has more than 67,108,864 bytes" in world.record().error.message  # type: ignore[union-attr]
    [(_, body, _)] = world.callbacks.received
    assert body.status_code == "400"


async def test_a_task_that_took_too_long_says_so() -> None:
    world = World()
    limited = task("a")
    limited = type(limited)(id="a", command_line="x", max_wall_clock_time=timedelta(seconds=10))
    world.batch.run = list  # type: ignore[method-assign]
    world.enqueue(job_message(limited, task("b")))
    await world.tick()
    del world.batch.run
    assert world.batch.start_next_task("job-1") is not None
    world.clock.advance(timedelta(seconds=10))
    world.batch.end_task("job-1", "a")
    await world.run_until_idle()
    [failed] = world.record().run.failed_tasks
    assert failed.error is not None
    assert failed.error.message == "The task ran longer than its maxWallClockTime and was ended"
    assert (failed.error.type, failed.error.category) == ("TaskEnded", "TimeLimit")


@pytest.mark.parametrize(
    ("reason", "text", "category"),
    [
        (
            "MaxWallClockTimeExpiry",
            "The task was ended, because the job took longer than its maxWallClockTime",
            "TimeLimit",
        ),
        ("TaskFailed", "The task was ended with its job (TaskFailed)", ""),
        ("UserTerminate", "Task Was Ended by User Request", "UserError"),
        ("", "Task Was Ended by User Request", "UserError"),
    ],
)
async def test_a_task_that_was_ended_says_why(reason: str, text: str, category: str) -> None:
    world = World()
    world.batch.run = list  # type: ignore[method-assign]
    world.enqueue(job_message())
    await world.tick()
    del world.batch.run
    world.batch.start_next_task("job-1")
    if reason:
        await world.batch.terminate_job("job-1", reason)
    else:
        world.batch.end_task("job-1", "1")
    await world.run_until_idle()
    [failed] = world.record().run.failed_tasks
    assert failed.error is not None
    assert (failed.error.message, failed.error.category) == (text, category)
