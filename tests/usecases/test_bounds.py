"""Whatever a job is made of, and however many tasks it has: it ends, and everything written has its bound."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from batchmgr.errors import InvalidJobError
from batchmgr.model.batch_snapshots import TaskError
from batchmgr.model.job_record import MAX_FAILED_TASKS, MAX_RESULT_FILES, JobRecord
from batchmgr.model.job_states import JobState
from batchmgr.model.record_overflow import split
from batchmgr.model.size_limits import MAX_EVENT, MAX_OUTCOME, MAX_RECORD, size_of
from batchmgr.plan.job_plan import OUTCOME_BLOB
from batchmgr.ports import Versioned
from batchmgr.steps.check_message import MAX_METADATA, MAX_PATTERNS, message_problems
from batchmgr.usecases.poll import poll
from batchmgr.wire.job_message import JobMessage
from batchmgr.wire.task_message import OutputFileMessage
from tests.chaos.interception import intercepted
from tests.world import CALLBACK, World, job_message, task


def bounded_world() -> World:
    """Return a world that checks the size of everything that is stored."""
    world = World()
    store = world.jobs._store

    def checked(record: JobRecord) -> Versioned[JobRecord]:
        assert size_of(split(record, "x" * 90)[0]) <= MAX_RECORD
        return store(record)

    world.jobs._store = checked  # type: ignore[method-assign]
    return world


def assert_told(world: World, state: JobState) -> None:
    """Assert that the job ended in this state, with all events sent and one callback."""
    assert world.record().state is state
    assert all(size_of(event) <= MAX_EVENT for event in world.log())
    assert {event.id for event in world.sink.sent} == {event.id for event in world.log()}
    assert world.log()[-1].type == f"batchmgr.job.{state}"
    [(_, body, _)] = world.callbacks.received
    assert size_of(body) <= MAX_OUTCOME


async def test_an_unknown_field_of_30_000_letters_rejects_the_job_and_calls_back() -> None:
    world = bounded_world()
    world.enqueue(json.dumps({"jobId": "job-1", "callBackUri": CALLBACK, "x" * 30_000: 1}).encode())
    await world.run_until_idle()
    assert_told(world, JobState.REJECTED)
    error = world.record().error
    assert error is not None
    assert error.field.endswith("x… [cut from 30000 characters]")


async def test_an_error_that_lists_1600_names_rejects_the_job_and_calls_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = ", ".join(f"chromosome-number-{number}" for number in range(1600))

    async def refuse(*_: object) -> None:
        raise InvalidJobError(f"give one of {names}", field="inputs.chromosome")

    world = bounded_world()
    monkeypatch.setattr("batchmgr.usecases.submit.grant_access", refuse)
    world.enqueue(job_message())
    await world.run_until_idle()
    assert_told(world, JobState.REJECTED)
    error = world.record().error
    assert error is not None
    assert error.message.startswith("inputs.chromosome: give one of chromosome-number-0, ")
    assert error.message.endswith(f"… [cut from {len(names) + 31} characters]")


async def test_half_a_character_in_an_error_does_not_stop_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: object) -> None:
        raise InvalidJobError("no file named \udcff.fa")

    world = bounded_world()
    monkeypatch.setattr("batchmgr.usecases.submit.grant_access", refuse)
    world.enqueue(job_message())
    await world.run_until_idle()
    assert_told(world, JobState.REJECTED)
    error = world.record().error
    assert error is not None
    assert error.message == "no file named ?.fa"


async def test_thousands_of_tasks_that_fail_with_long_messages() -> None:
    world = bounded_world()
    world.enqueue(job_message(*(task(str(number), "/bin/false") for number in range(1, 3001))))
    world.batch.run = list  # type: ignore[method-assign]
    await world.tick()
    del world.batch.run
    world.batch.run()
    job = world.batch.jobs["job-1"]
    for number in range(1, 3001):
        old = job.snapshots[str(number)]
        long = TaskError(type="E" * 999, message="\x00" * 9999, category="c" * 999, field="f" * 999)
        job.set(msgspec.structs.replace(old, error=long, display_name="\x01" * 1024))
    await world.run_until_idle()
    assert_told(world, JobState.FAILED)
    assert len(world.record().run.failed_tasks) == 20
    assert len([event for event in world.log() if event.type == "batchmgr.task.failed"]) == 3000


async def test_thousands_of_tasks_that_report_and_publish_results_at_once() -> None:
    world = bounded_world()
    message = world.plan_on_node(*(task(str(number)) for number in range(1, 2501)))
    for number in range(1, 2501):
        result = {"text": number} if number > 100 else None
        world.batch.on_success[str(number)] = lambda n=number, r=result: world.report(str(n), result=r)  # type: ignore[misc]
    world.enqueue(message)
    await world.run_until_idle()
    assert_told(world, JobState.SUCCEEDED)
    assert len([event for event in world.log() if event.type == "batchmgr.task.progress"]) == 2500


async def test_results_that_do_not_fit_are_in_a_file_that_the_outcome_names() -> None:
    world = bounded_world()
    file = OutputFileMessage(source_file_path="out.txt", container_name="out", target_blob_path="x" * 900)
    tasks = [
        msgspec.structs.replace(
            task(str(number)),
            output_files=(msgspec.structs.replace(file, target_blob_path=f"{number}/" + "ü" * 400),),
        )
        for number in range(1, 251)
    ]
    world.enqueue(job_message(*tasks))
    await world.run_until_idle()
    assert_told(world, JobState.SUCCEEDED)
    [(_, body, _)] = world.callbacks.received
    shown: list[Any] = body.output["results"]  # type: ignore[assignment]
    assert 20 < len(shown) <= MAX_RESULT_FILES
    assert body.output["outcomeUri"] == f"https://blob/job-job-1/{OUTCOME_BLOB}"
    whole = json.loads(world.files.blobs[f"job-1/{OUTCOME_BLOB}"])
    assert len(whole["results"]) == 250
    assert whole["results"][: len(shown)] == list(shown)


async def test_the_file_has_all_of_a_thousand_results_that_are_there_and_no_other() -> None:
    world = bounded_world()
    tasks = [
        msgspec.structs.replace(
            task(str(number)),
            output_files=(
                OutputFileMessage(
                    source_file_path="o", container_name="out", target_blob_path=f"out/{number}"
                ),
            ),
        )
        for number in range(1, 1001)
    ]
    world.batch.on_success["1000"] = lambda: world.storage.blobs["out"].remove("out/999")
    world.enqueue(job_message(*tasks))
    await world.run_until_idle()
    whole = json.loads(world.files.blobs[f"job-1/{OUTCOME_BLOB}"])
    expected = [f"out/{number}" for number in range(1, 1001) if number != 999]
    assert [one["name"] for one in whole["results"]] == expected


async def test_no_more_than_a_hundred_small_results_are_in_the_outcome() -> None:
    world = bounded_world()
    tasks = [
        msgspec.structs.replace(
            task(str(n)), output_files=(OutputFileMessage(source_file_path="o", target_blob_path=f"{n}"),)
        )
        for n in range(1, MAX_RESULT_FILES + 2)
    ]
    world.enqueue(job_message(*tasks))
    await world.run_until_idle()
    assert len(world.record().results) == MAX_RESULT_FILES
    assert world.record().outcome_uri
    fewer = bounded_world()
    fewer.enqueue(job_message(*tasks[:MAX_RESULT_FILES]))
    await fewer.run_until_idle()
    assert len(fewer.record().results) == MAX_RESULT_FILES
    assert not fewer.record().outcome_uri
    assert f"job-1/{OUTCOME_BLOB}" not in fewer.files.blobs


async def test_failed_tasks_that_do_not_fit_are_in_the_file_too() -> None:
    world = bounded_world()
    world.enqueue(job_message(*(task(str(number), "/bin/false") for number in range(1, 31))))
    await world.run_until_idle()
    assert_told(world, JobState.FAILED)
    whole = json.loads(world.files.blobs[f"job-1/{OUTCOME_BLOB}"])
    assert len(whole["failedTasks"]) == 30
    assert len(world.record().run.failed_tasks) <= MAX_FAILED_TASKS


async def test_a_poll_appends_to_the_log_once_whatever_the_number_of_tasks() -> None:
    world = bounded_world()
    world.batch.run = list  # type: ignore[method-assign]
    world.enqueue(job_message(*(task(str(number)) for number in range(1, 3001))))
    await world.tick()
    del world.batch.run
    calls: list[str] = []

    async def counted(name: str, call: Callable[[], Awaitable[Any]]) -> Any:
        calls.append(name)
        return await call()

    world.batch.run()
    await poll(intercepted(world.ports, counted))
    assert len([event for event in world.log() if event.type == "batchmgr.task.succeeded"]) == 3001
    assert calls.count("events.append") <= 2  # one with the tasks, one with the counts
    await world.run_until_idle()
    assert_told(world, JobState.SUCCEEDED)


def problem_fields(**fields: object) -> list[str]:
    message = msgspec.structs.replace(job_message(), **fields)
    return [problem.field for problem in message_problems(message)]


def test_metadata_and_notify_have_limits_that_are_told_at_acceptance() -> None:
    fits = "x" * (MAX_METADATA - 8)
    assert problem_fields(metadata={"m": fits}, notify=("job.*",) * MAX_PATTERNS) == []
    assert problem_fields(metadata={"m": fits + "x"}) == ["metadata"]
    assert problem_fields(metadata={str(n): "" for n in range(2000)}) == ["metadata"]
    assert problem_fields(notify=("job.*",) * (MAX_PATTERNS + 1)) == ["notify"]
    assert problem_fields(notify=("task." + "x" * 100,)) == ["notify[0]"]
    assert problem_fields(pool_id="p" * 65) == ["poolId"]
    assert problem_fields(call_back_uri="https://allowed/" + "x" * 9000) == ["callBackUri"]
    workload = JobMessage(workload="w" * 101)
    assert [problem.field for problem in message_problems(workload)] == ["workload"]


async def test_the_record_knows_where_the_log_ends_so_that_no_append_reads_all_of_it() -> None:
    world = bounded_world()
    world.enqueue(job_message())
    await world.run_until_idle()
    assert world.record().events_offset == len(world.log())
