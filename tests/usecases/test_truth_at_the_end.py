"""What a job says at its end is what has happened: counts, files, reasons, the order of its events."""

import json
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from batchmgr.errors import InvalidJobError, ServiceAccessError
from batchmgr.model.job_states import JobState
from batchmgr.plan.file_specifications import ContainerNeed
from batchmgr.plan.job_plan import FINALIZE_TASK_ID
from batchmgr.usecases.cancel import cancel
from batchmgr.usecases.finalize import finalize
from batchmgr.wire.adf_callback import AdfCallback
from batchmgr.wire.job_message import JobMessage
from batchmgr.wire.json_codec import encode
from batchmgr.wire.task_message import JobTasks, OutputFileMessage, TaskMessage
from tests.world import World, job_message, task

ERROR_FILE = "wd/batchmgr-error.json"


def output(path: str, blob: str, condition: Any = "taskSuccess") -> OutputFileMessage:
    return OutputFileMessage(
        source_file_path=path, container_name="out", target_blob_path=blob, upload_condition=condition
    )


def writing(task_id: str, *files: OutputFileMessage, command: str = "/bin/true") -> TaskMessage:
    return TaskMessage(id=task_id, command_line=command, output_files=files)


async def ended(world: World, message: JobMessage) -> World:
    world.enqueue(message)
    await world.run_until_idle()
    return world


async def started(world: World, message: JobMessage) -> World:
    """Return the world with a job of which every task runs that can."""
    world.batch.run = list  # type: ignore[method-assign]
    world.enqueue(message)
    await world.tick()
    while world.batch.start_next_task("job-1"):
        pass
    del world.batch.run
    return world


def names(world: World) -> list[str]:
    return [file.name for file in world.record().results]


def body_of(world: World) -> AdfCallback:
    [(_, body, _)] = world.callbacks.received
    return body


# Results


async def test_results_are_the_files_that_are_there_also_those_of_patterns() -> None:
    world = World()
    world.storage.blobs["out"] = {"all/b.txt", "all/a.txt", "all/sub/c.txt", "all/d.log", "other/e.txt"}
    await ended(world, job_message(writing("1", output("data/*.txt", "all"), output("x.tsv", "x.tsv"))))
    assert names(world) == ["all/a.txt", "all/b.txt", "x.tsv"]


async def test_a_file_that_is_not_there_is_not_listed() -> None:
    world = World()
    world.batch.on_success["2"] = lambda: world.storage.blobs["out"].discard("1.tsv")
    message = job_message(writing("1", output("1.tsv", "1.tsv")), writing("2", output("2.tsv", "2.tsv")))
    await ended(world, message)
    assert names(world) == ["2.tsv"]


async def test_a_failed_task_has_left_what_it_leaves_in_any_case() -> None:
    files = (output("a", "a"), output("b", "b", "taskCompletion"))
    world = World()
    world.storage.blobs["out"] = {"a", "b", "c"}  # `a` is from an earlier job
    await ended(world, job_message(writing("1", *files, command="/bin/false"), task("2")))
    assert names(world) == ["b"]


async def test_two_tasks_with_the_same_pattern_have_each_file_once() -> None:
    world = World()
    world.storage.blobs["out"] = {"a.txt", "b.txt"}
    await ended(world, job_message(*(writing(n, output("*.txt", "")) for n in "123")))
    assert names(world) == ["a.txt", "b.txt"]


async def test_a_hundred_results_are_listed_at_most_and_storage_is_not_asked_for_ever() -> None:
    world = World()
    await ended(world, job_message(*(writing(str(n), output("a", f"{n:03}")) for n in range(130))))
    assert names(world) == [f"{n:03}" for n in range(100)]
    world, asked = World(), []
    list_blobs = world.storage.list_blobs

    def counted(need: ContainerNeed, prefix: str) -> AsyncGenerator[str, None]:
        asked.append(prefix)
        return list_blobs(need, prefix)

    world.storage.list_blobs = counted  # type: ignore[method-assign]
    world.batch.on_success["599"] = world.storage.blobs.clear
    await ended(world, job_message(*(writing(str(n), output("a", f"{n:03}")) for n in range(600))))
    assert names(world) == []
    assert len(asked) == 500


@pytest.mark.parametrize(
    "error",
    [InvalidJobError("another storage account"), ServiceAccessError("no role", code="Forbidden", status=403)],
)
async def test_a_container_that_cannot_be_listed_is_taken_as_planned(error: Exception) -> None:
    world = World()

    def refuse(need: ContainerNeed, prefix: str) -> AsyncGenerator[str, None]:
        raise error

    world.storage.list_blobs = refuse  # type: ignore[method-assign]
    await ended(world, job_message(writing("1", output("a", "a"), output("*.b", "b"))))
    assert names(world) == ["a"]


# The FinalizeTask


def legacy(world: World, *files: OutputFileMessage) -> JobMessage:
    """Return a job that a node plans, with a FinalizeTask of its own that leaves these files."""
    message = world.plan_on_node(task("1"))
    finalize_task = TaskMessage(id="", command_line="python -m legacy finalize", output_files=files)
    planned = JobTasks(tasks=(task("1"),), finalize_task=finalize_task)
    blob = {"job-1/batchmgr-tasks.json": encode(planned)}
    world.batch.on_success["batchmgr-job-manager"] = lambda: world.files.blobs.update(blob)
    return message


async def test_a_job_has_succeeded_although_its_signal_could_not_be_uploaded() -> None:
    world = World()
    world.batch.fails_to_upload.add(FINALIZE_TASK_ID)
    await ended(world, job_message())
    assert (world.record().state, world.record().error) == (JobState.SUCCEEDED, None)
    assert body_of(world).output["failedTasks"] == []


async def test_a_job_is_what_its_tasks_are_although_its_signal_could_not_be_uploaded() -> None:
    world = World()
    world.batch.fails_to_upload.add(FINALIZE_TASK_ID)
    await ended(world, job_message(task("1", "/bin/false"), task("2")))
    assert world.record().state is JobState.PARTIAL
    assert body_of(world).error is not None
    assert body_of(world).error.message == "1 of 2 tasks failed. 1: exit code 1: on stderr"  # type: ignore[union-attr]


async def test_a_finalize_task_that_only_signals_is_not_missed_when_it_fails() -> None:
    world = World()
    world.batch.fails.add(FINALIZE_TASK_ID)
    await ended(world, job_message())
    assert world.record().state is JobState.SUCCEEDED


async def test_a_result_of_the_finalize_task_that_was_not_uploaded_is_named() -> None:
    world = World()
    world.batch.fails_to_upload.add(FINALIZE_TASK_ID)
    await ended(world, legacy(world, output("a", "merged.tsv"), output("b", "there.tsv")))
    error = world.record().error
    assert error is not None
    assert (world.record().state, error.code) == (JobState.FAILED, "ResultsMissing")
    assert error.message.startswith(
        "All tasks succeeded, but the results of the FinalizeTask are missing (merged.tsv, there.tsv), since "
        "their upload failed: A miscellaneous error"
    )


async def test_results_that_were_uploaded_before_the_signal_failed_are_results() -> None:
    world = World()
    world.batch.fails_to_upload.add(FINALIZE_TASK_ID)
    world.storage.blobs["out"] = {"merged.tsv"}
    await ended(world, legacy(world, output("a", "merged.tsv")))
    assert world.record().state is JobState.SUCCEEDED


async def test_a_finalize_task_of_the_author_that_fails_fails_the_job() -> None:
    world = World()
    world.batch.fails.add(FINALIZE_TASK_ID)
    await ended(world, legacy(world))
    assert world.record().state is JobState.FAILED
    assert world.record().error is not None
    assert world.record().error.code == "FinalizeTaskFailed"  # type: ignore[union-attr]


# Reasons


def reported(world: World, task_id: str, kind: str = "error", type_: str = "ValueError") -> None:
    report = {"type": type_, "message": f"no {task_id}", "traceback": "Traceback", "kind": kind}
    world.batch.files[task_id, ERROR_FILE] = json.dumps(report).encode()


async def test_the_error_of_a_job_is_the_most_telling_one() -> None:
    world = World()
    world.batch.files["a", "stderr.txt"] = b""
    reported(world, "c")
    reported(world, "d")
    await ended(world, job_message(*(task(name, "/bin/false") for name in "abcd")))
    assert world.record().error is not None
    assert world.record().error.message == "4 of 4 tasks failed. c: no c"  # type: ignore[union-attr]


@pytest.mark.parametrize(("kind", "status"), [("input", "422"), ("error", "500"), ("retryable", "500")])
async def test_bad_input_is_an_error_of_the_sender(kind: str, status: str) -> None:
    world = World()
    reported(world, "1", kind)
    await ended(world, job_message(task("1", "/bin/false"), task("2")))
    assert body_of(world).status_code == status
    assert (world.record().error.category == "BadInput") == (status == "422")  # type: ignore[union-attr]


async def test_a_failed_job_manager_gives_its_cause_like_any_task() -> None:
    world = World()
    reported(world, "batchmgr-job-manager", type_="KeyError")
    message = world.plan_on_node(task("1"))
    world.batch.fails.add("batchmgr-job-manager")
    await ended(world, message)
    record = world.record()
    assert record.state is JobState.REJECTED
    assert record.error is not None
    assert record.error.message == "jobManagerTask: the job manager task failed: no batchmgr-job-manager"
    [failed] = record.run.failed_tasks
    assert failed.error is not None
    assert failed.error.type == "KeyError"
    [event] = [one for one in world.log() if one.type == "batchmgr.task.failed"]
    assert event.data["error"]["stderr"] == "words\non stderr\n"  # type: ignore[index]
    assert event.data["error"]["traceback"] == "Traceback"  # type: ignore[index]
    assert body_of(world).output["failedTasks"][0]["taskId"] == "batchmgr-job-manager"  # type: ignore[index]


async def test_a_rejection_that_is_repeated_gives_the_same_reason() -> None:
    world = World()
    message = world.plan_on_node(task("1"))
    nonsense = {"job-1/batchmgr-tasks.json": b"{}"}
    world.batch.on_success["batchmgr-job-manager"] = lambda: world.files.blobs.update(nonsense)
    terminate_job, calls = world.batch.terminate_job, list[str]()

    async def overtaken(job_id: str, reason: str) -> None:
        await terminate_job(job_id, reason)
        if len(calls) == 0:
            stored = await world.jobs.load(job_id)
            await world.jobs.save(stored.value, stored.etag)  # as somebody does who publishes its events
        calls.append(reason)

    world.batch.terminate_job = overtaken  # type: ignore[method-assign]
    await ended(world, message)
    assert world.record().error is not None
    assert "tasks: required, but missing" in world.record().error.message  # type: ignore[union-attr]


# The order of events, and their counts


async def test_finalizing_comes_after_the_last_task_with_the_counts_of_all() -> None:
    world = await ended(World(), job_message(task("1", "/bin/false"), task("2")))
    types = [event.type.removeprefix("batchmgr.") for event in world.log()]
    assert types[-2:] == ["job.finalizing", "job.partial"]
    counts = {"active": 0, "running": 0, "completed": 3, "succeeded": 2, "failed": 1}
    assert [event.data["counts"] for event in world.log()[-2:]] == [counts, counts]


async def test_events_of_counts_that_come_again_are_different_events() -> None:
    world = World()
    world = await started(world, job_message())
    for _ in range(2):
        await world.tick()
        batch_job = world.batch.jobs["job-1"]
        first = batch_job.snapshots["1"]
        preempted = {"state": "active", "requeue_count": first.requeue_count + 1}
        now = world.clock.now()
        batch_job.set(msgspec.structs.replace(first, **preempted, state_transition_time=now))
        world.batch.run = list  # type: ignore[method-assign]
        await world.tick()
        world.batch.start_next_task("job-1")
    del world.batch.run
    await world.tick()
    ids = [event.id for event in world.log() if event.type == "batchmgr.job.progress"]
    counts = [str(event.data["counts"]) for event in world.log() if event.type == "batchmgr.job.progress"]
    assert len(set(counts)) < len(counts)
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("how", ["cancelled", "somebody else"])
async def test_a_job_that_is_terminating_is_concluded_when_its_tasks_have_ended(how: str) -> None:
    world = await started(World(), job_message())
    world.batch.end_takes = timedelta(minutes=3)
    if how == "cancelled":
        await cancel(world.ports, "job-1")
    else:
        await world.batch.terminate_job("job-1", "UserTerminate")
    await finalize(world.ports, "job-1")
    assert not world.record().state.is_final
    await world.run_until_idle(ticks=400)
    assert world.record().state is (JobState.CANCELLED if how == "cancelled" else JobState.FAILED)
    assert world.record().run.counts.running == 0
    assert body_of(world).output["counts"]["running"] == 0  # type: ignore[index]


async def test_a_job_that_is_terminating_for_ever_is_concluded_after_ten_minutes() -> None:
    world = await started(World(), job_message())
    world.batch.end_takes = timedelta(days=1)
    await cancel(world.ports, "job-1")
    world.clock.advance(timedelta(minutes=9))
    await finalize(world.ports, "job-1")
    assert not world.record().state.is_final
    world.clock.advance(timedelta(minutes=2))
    await world.run_until_idle(ticks=100)
    assert world.record().state is JobState.CANCELLED


async def test_finalize_waits_for_a_job_that_is_just_ending() -> None:
    world = await started(World(), job_message())
    world.batch.end_takes = timedelta(seconds=3)
    await world.batch.terminate_job("job-1", "UserTerminate")
    await finalize(world.ports, "job-1")
    assert world.record().state is JobState.FAILED


async def test_a_cancelled_job_is_ended_in_batch_before_it_is_concluded() -> None:
    world = await started(World(), job_message())
    stored = await world.jobs.load("job-1")
    await world.jobs.save(stored.value.cancellation_requested(world.clock.now()), stored.etag)
    await finalize(world.ports, "job-1")
    assert world.record().state is JobState.CANCELLED
    assert world.record().run.counts.running == 0
