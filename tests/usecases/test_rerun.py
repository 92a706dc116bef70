"""A job runs again: its failed tasks and those that waited for them, as a new job."""

import json
from collections.abc import Awaitable
from dataclasses import replace

import azure.functions as func
import msgspec
import pytest

from batchmgr.errors import (
    InvalidJobError,
    JobConflictError,
    JobNotFoundError,
    NotPossibleError,
    RecordChangedError,
    ServiceNotFoundError,
)
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_states import JobState
from batchmgr.plan.job_plan import FINALIZE_TASK_ID
from batchmgr.ports import Versioned
from batchmgr.steps.check_job import check_job
from batchmgr.steps.keep_plan import find_plan
from batchmgr.steps.write_manifest import write_manifest
from batchmgr.usecases.accept import accept
from batchmgr.usecases.cancel import cancel
from batchmgr.usecases.rerun import rerun, rerun_id
from batchmgr.usecases.submit import submit
from batchmgr.wire.events import job_event
from batchmgr.wire.job_message import JobMessage, WebhookMessage, decode_job
from batchmgr.wire.rerun_request import RerunRequest
from batchmgr.wire.task_message import OutputFileMessage, TaskMessage
from batchmgr.workload.manifest import Manifest
from tests.functions.app import ReadyRuntime, handlers
from tests.functions.http_calls import problem, request
from tests.unit.factory_message import factory_message
from tests.usecases.sweep_workload import Sweep, sweep_message
from tests.webhooks import CHOSEN
from tests.world import CALLBACK, World, job_message, task

FILES = ("out.txt", "outputs.json")
FAILED, ALL = RerunRequest(), RerunRequest(tasks="all")
CHAIN = job_message(task("a"), task("b"), task("c", "/bin/true", "b"), task("d", "/bin/true", "a"))
"""b fails, c waits for it; a and d succeed."""


async def ended(message: JobMessage, *fails: str, world: World | None = None) -> World:
    """Return a world in which a job has ended whose tasks of these ids have failed. They won't again."""
    world = world or World()
    world.batch.fails.update(fails)
    world.enqueue(message)
    await world.run_until_idle()
    world.batch.fails.clear()
    return world


async def run_again(world: World, request: RerunRequest = FAILED, job_id: str = "job-1") -> JobRecord:
    """Run a job again, to its end. Return the record of the new one."""
    record = await rerun(world.ports, job_id, request)
    await world.ports.queue.enqueue_submission(record.job_id)
    await world.run_until_idle()
    return world.record(record.job_id)


async def manifest(world: World, record: JobRecord) -> Manifest:
    """Return the manifest of a job, which the poller would have written before the FinalizeTask ran."""
    plan = await find_plan(world.ports, record)
    assert plan is not None
    tasks = [one async for one in world.batch.list_tasks(record.job_id)]
    await write_manifest(world.ports, record, plan, tasks)
    return Manifest.from_json(world.files.blobs[f"{record.job_id}/batchmgr-manifest.json"].decode())


def added(world: World, job_id: str) -> dict[str, tuple[str, ...]]:
    """Return what the own tasks of a Batch job wait for."""
    tasks = world.batch.jobs[job_id].tasks
    return {name: one.depends_on for name, one in tasks.items() if name != FINALIZE_TASK_ID}


async def test_failed_tasks_and_those_that_waited_for_them_run_as_a_new_job() -> None:
    world = await ended(CHAIN, "b")
    again = await run_again(world)
    assert (again.job_id, again.state, again.rerun_of) == ("job-1-rerun-1", JobState.SUCCEEDED, "job-1")
    assert added(world, "job-1-rerun-1") == {"b": (), "c": ("b",)}
    assert world.record().state is JobState.PARTIAL
    assert world.jobs.active == set()


async def test_the_new_job_says_in_events_and_callback_which_job_it_reruns() -> None:
    world = await ended(CHAIN, "b")
    await run_again(world)
    log = world.log("job-1-rerun-1")
    assert {event.data["rerunOf"] for event in log if event.type.startswith("batchmgr.job.q")} == {"job-1"}
    assert log[-1].data["rerunOf"] == "job-1"
    (_, first, _), (uri, second, webhook_id) = world.callbacks.received
    assert "rerunOf" not in first.output
    assert (uri, second.output["rerunOf"], webhook_id) == (CALLBACK, "job-1", "msg_job-1-rerun-1")
    assert second.status_code == "200"


async def test_a_task_that_succeeded_after_a_failed_one_it_waited_for_runs_again() -> None:
    satisfies = {"exitConditions": {"default": {"dependencyAction": "satisfy"}}}
    body = {
        "jobId": "job-1",
        "tasks": [
            {"id": "a", "commandLine": "x", **satisfies},
            {"id": "merge", "commandLine": "/bin/true", "dependsOn": ["a"]},
            {"id": "other", "commandLine": "/bin/true"},
        ],
    }
    world = await ended(decode_job(json.dumps(body).encode()), "a")
    assert world.record().run.counts.succeeded >= 1
    await run_again(world)
    assert added(world, "job-1-rerun-1") == {"a": (), "merge": ("a",)}


async def test_all_tasks_run_again_if_that_is_asked_for() -> None:
    world = await ended(CHAIN)
    again = await run_again(world, ALL)
    assert again.state is JobState.SUCCEEDED
    assert added(world, "job-1-rerun-1") == {"a": (), "b": (), "c": ("b",), "d": ("a",)}


async def test_files_stay_where_they_were_and_the_results_of_both_jobs_are_told() -> None:
    def leaving(name: str, *waits_for: str) -> TaskMessage:
        files = tuple(
            OutputFileMessage(source_file_path=source, target_blob_path=f"{name}/{source}")
            for source in ("out.txt", "outputs.json")
        )
        return TaskMessage(id=name, command_line="x", output_files=files, depends_on=waits_for)

    world = World()
    for name in "abc":
        world.files.blobs[f"job-1/{name}/outputs.json"] = json.dumps({"of": name}).encode()
    await ended(job_message(leaving("a"), leaving("b"), leaving("c", "a", "b")), "b", world=world)
    again = await run_again(world)
    first = world.record()
    assert [file.uri for file in first.results] == ["https://blob/job-job-1/a/" + f for f in FILES]
    assert [file.uri for file in again.results] == [
        f"https://blob/job-job-1/{name}/{file}" for name in "abc" for file in FILES
    ]
    assert {one.task_id: one.result for one in again.task_results} == {n: {"of": n} for n in "abc"}


async def test_the_same_call_twice_is_one_job() -> None:
    world = await ended(CHAIN, "b")
    first = await run_again(world)
    second = await run_again(world)
    assert first == second
    assert world.batch.created == ["job-1", "job-1-rerun-1"]


async def test_another_call_for_the_same_id_is_a_conflict_and_can_have_an_id_of_its_own() -> None:
    world = await ended(CHAIN, "b")
    await run_again(world)
    with pytest.raises(JobConflictError, match="job-1-rerun-1"):
        await rerun(world.ports, "job-1", ALL)
    assert (await run_again(world, RerunRequest(tasks="all", job_id="mine"))).job_id == "mine"


async def test_a_rerun_of_a_rerun_runs_what_is_still_left() -> None:
    world = await ended(CHAIN, "b")
    world.batch.fails.add("c")
    second = await run_again(world)
    assert second.state is JobState.PARTIAL
    world.batch.fails.clear()
    third = await run_again(world, job_id="job-1-rerun-1")
    assert (third.job_id, third.rerun_of, third.state) == (
        "job-1-rerun-2",
        "job-1-rerun-1",
        JobState.SUCCEEDED,
    )
    assert added(world, "job-1-rerun-2") == {"c": ()}


async def test_a_factory_gives_the_same_tasks_again() -> None:
    factory = {
        "type": "parametricSweep",
        "parameters": {"n": {"start": 1, "end": 5}},
        "repeatTask": {"commandLine": "echo {n}"},
        "mergeTask": {"commandLine": "/bin/true"},
    }
    message = msgspec.structs.replace(factory_message(factory), job_id="job-1")
    world = await ended(message, "2", "4")
    again = await run_again(world)
    assert again.state is JobState.SUCCEEDED
    assert added(world, "job-1-rerun-1") == {"2": (), "4": (), "merge": ("2", "4")}
    assert world.batch.jobs["job-1-rerun-1"].tasks["4"].command_line == "echo 4"


async def test_a_workload_is_not_planned_again_and_its_manifest_has_all_tasks() -> None:
    sweep = Sweep()
    world = await ended(sweep_message(), "2", world=sweep.world())
    sweep.works = False
    again = await run_again(world)
    assert (again.state, again.workload, sweep.created) == (JobState.SUCCEEDED, "sweep", 1)
    assert added(world, "job-1-rerun-1") == {"2": (), "4": ("2",)}
    tasks = (await manifest(world, again)).tasks
    assert [(one.id, one.has_succeeded) for one in tasks] == [(str(n), True) for n in range(1, 5)]
    assert tasks[0].outputs[0].url == "https://blob/job-job-1/run-1/0.txt"
    assert {file.name for file in again.results} == {"run-1/0.txt", "run-1/1.txt", "run-1/2.txt"}


async def test_the_manifest_of_a_third_job_has_the_tasks_of_all_three() -> None:
    sweep = Sweep()
    world = await ended(sweep_message(), "2", world=sweep.world())
    world.batch.fails.add("4")
    await run_again(world)
    world.batch.fails.clear()
    world.jobs.requests.pop("job-1")  # the first job is purged
    world.jobs.records.pop("job-1")
    third = await run_again(world, job_id="job-1-rerun-1")
    assert third.state is JobState.SUCCEEDED
    tasks = (await manifest(world, third)).tasks
    assert [one.id for one in tasks if one.has_succeeded] == ["1", "2", "3", "4"]
    world.files.blobs["job-1-rerun-2/batchmgr-earlier.json"] = b"a task has written this"
    world.files.blobs.pop("job-1-rerun-2/batchmgr-manifest.json")
    assert [one.id for one in (await manifest(world, third)).tasks] == ["4"]


async def test_a_job_that_a_node_has_planned_runs_again_without_its_job_manager_task() -> None:
    world = World()
    message = world.plan_on_node(task("1"), task("2", "/bin/true", "1"), task("3"))
    await ended(message, "1", world=world)
    again = await run_again(world)
    assert again.state is JobState.SUCCEEDED
    assert added(world, "job-1-rerun-1") == {"1": (), "2": ("1",)}


async def test_a_finalize_task_alone_runs_again_if_only_that_has_failed() -> None:
    sweep = Sweep()
    world = await ended(sweep_message(), FINALIZE_TASK_ID, world=sweep.world())
    assert world.record().state is JobState.FAILED
    again = await run_again(world)
    assert added(world, "job-1-rerun-1") == {}
    assert again.state is JobState.SUCCEEDED


async def test_a_job_that_was_cancelled_goes_on_with_what_had_not_run() -> None:
    world = World()
    await accept(world.ports, "job-1", CHAIN)
    await submit(world.ports, "job-1")
    await cancel(world.ports, "job-1")
    await world.run_until_idle()
    assert world.record().state is JobState.CANCELLED
    again = await run_again(world)
    assert again.state is JobState.SUCCEEDED
    assert len(added(world, "job-1-rerun-1")) == 4


async def test_a_job_that_was_rejected_for_want_of_its_pool_runs_when_the_pool_is_there() -> None:
    world = World()
    world.batch.pools.clear()
    await ended(CHAIN, world=world)
    world.batch.pools.add("local")
    assert world.record().state is JobState.REJECTED
    assert (await run_again(world)).state is JobState.SUCCEEDED


async def test_another_callback_or_none_can_be_asked_for() -> None:
    world = await ended(CHAIN, "b")
    other = "https://allowed/other"
    await run_again(world, RerunRequest(call_back_uri=other))
    await run_again(world, RerunRequest(call_back_uri="", job_id="quiet"))
    assert [uri for uri, _, _ in world.callbacks.received] == [CALLBACK, other]
    with pytest.raises(InvalidJobError, match="not allowed"):
        await rerun(world.ports, "job-1", RerunRequest(call_back_uri="https://elsewhere/"))


async def test_a_rerun_has_the_webhooks_of_the_job_or_others_or_none() -> None:
    world = await ended(msgspec.structs.replace(CHAIN, webhooks=(CHOSEN,)), "b")
    world.callbacks.batches.clear()
    other = WebhookMessage(uri="https://allowed/other", events=("job.succeeded",))
    first = await run_again(world)
    assert first.webhooks[0].events == CHOSEN.events
    await run_again(world, RerunRequest(webhooks=(other,), job_id="other"))
    await run_again(world, RerunRequest(webhooks=(), job_id="quiet"))
    told = {(uri, batch[0].subject) for uri, batch, _ in world.callbacks.batches}
    assert told == {(CHOSEN.uri, "jobs/job-1-rerun-1"), (other.uri, "jobs/other")}
    refused = WebhookMessage(uri="https://elsewhere/")
    with pytest.raises(InvalidJobError, match=r"^webhooks\[0\]\.uri: not allowed$"):
        await rerun(world.ports, "job-1", RerunRequest(webhooks=(refused,)))


async def test_azure_batch_tells_what_has_succeeded_if_the_log_is_gone() -> None:
    world = await ended(CHAIN, "b")
    world.ports = replace(world.ports, events=LostLog(world))  # type: ignore[arg-type]
    await run_again(world)
    assert set(added(world, "job-1-rerun-1")) == {"b", "c"}


class LostLog:
    """An event log that has forgotten what is asked of it."""

    def __init__(self, world: World) -> None:
        self._events = world.events

    def __getattr__(self, name: str) -> object:
        return getattr(self._events, name)

    async def ids(self, job_id: str, start: int, end: int) -> set[str]:
        raise ServiceNotFoundError("no such blob", code="BlobNotFound", status=404)


async def test_why_a_job_can_t_run_again_is_said() -> None:
    world = World()
    with pytest.raises(JobNotFoundError):
        await rerun(world.ports, "job-1", FAILED)
    await accept(world.ports, "job-1", CHAIN)
    with pytest.raises(NotPossibleError, match="is queued: it can be run again when it has ended"):
        await rerun(world.ports, "job-1", FAILED)
    await submit(world.ports, "job-1")
    await world.run_until_idle()
    with pytest.raises(NotPossibleError, match="has succeeded, so no task has failed"):
        await rerun(world.ports, "job-1", FAILED)
    world.ports = replace(world.ports, events=LostLog(world))  # type: ignore[arg-type]
    failed = job_message(task("a", "/bin/false"), job_id="job-2")
    world.enqueue(failed)
    await world.run_until_idle()
    del world.batch.jobs["job-2"]
    with pytest.raises(NotPossibleError, match="To run all of it again"):
        await rerun(world.ports, "job-2", FAILED)
    world.jobs.requests.clear()
    with pytest.raises(NotPossibleError, match="its message is no longer in storage"):
        await rerun(world.ports, "job-1", ALL)
    assert set(world.jobs.records) == {"job-1", "job-2"}


async def test_a_workload_whose_plan_was_lost_can_t_run_again() -> None:
    world = await ended(sweep_message(), "2", world=Sweep().world())
    world.jobs.plans.clear()
    with pytest.raises(NotPossibleError, match="was never planned, or its plan is gone"):
        await rerun(world.ports, "job-1", FAILED)


async def test_a_caller_can_t_send_a_rerun_as_a_message() -> None:
    with pytest.raises(InvalidJobError, match="rerunOf: is not for messages"):
        decode_job(b'{"rerunOf": {"jobId": "job-1", "tasks": "all"}}')


async def test_ids_of_reruns_are_valid_and_differ() -> None:
    assert rerun_id("a-rerun-9") == "a-rerun-10"
    assert rerun_id("x" * 64) != rerun_id("x" * 63 + "y")
    assert len(rerun_id("x" * 64)) <= 64
    assert len(rerun_id(rerun_id("x" * 64))) <= 64


async def test_the_plan_of_a_rerun_is_found_again() -> None:
    world = await ended(CHAIN, "b")
    record = await run_again(world)
    plan = await find_plan(world.ports, record)
    assert plan is not None
    assert [one.id for one in plan.tasks] == ["b", "c"]
    message = await world.ports.jobs.load_request(record.job_id)
    assert (await check_job(world.ports, record.job_id, message)).completes == "job-1"


async def test_a_rerun_over_http() -> None:
    world = await ended(CHAIN, "b")
    app = handlers(ReadyRuntime(world.ports))

    def post(body: object = None, **headers: str) -> Awaitable[func.HttpResponse]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        content = b"" if body is None else body
        return app["rerun_job"](
            request("/jobs/job-1/rerun", method="POST", body=content, headers=named, jobId="job-1")
        )

    ids = []
    keyed = [post(idempotency_key="k") for _ in range(2)]
    for call in (post(), post({}), *keyed, post({"jobId": "x"})):
        reply = await call
        assert (reply.status_code, reply.headers["Retry-After"]) == (202, "5")
        ids.append(json.loads(reply.get_body())["jobId"])
    assert ids[:2] == ["job-1-rerun-1"] * 2
    assert ids[2] == ids[3] != ids[1]
    assert ids[4] == "x"
    for body, field in (({"tasks": "some"}, "tasks"), ({"jobId": "a b"}, "jobId"), ({"y": 1}, "y")):
        assert problem(await post(body), 400)["field"] == field
    await world.run_until_idle()
    found = json.loads((await app["get_job"](request("/jobs/x", jobId="x"))).get_body())
    assert (found["state"], found["rerunOf"]) == ("succeeded", "job-1")


async def test_who_saves_the_first_job_at_the_same_moment_does_not_hinder_its_rerun() -> None:
    world = await ended(CHAIN, "b")
    stored = await world.ports.jobs.load("job-1")
    unsent = stored.value.with_outbox([job_event(stored.value)])
    await world.ports.jobs.save(unsent, stored.etag)
    save, conflicts = world.jobs.save, iter([True])

    async def save_later_than_another(record: JobRecord, etag: str) -> Versioned[JobRecord]:
        if next(conflicts, False):
            raise RecordChangedError("another was first")
        return await save(record, etag)

    world.jobs.save = save_later_than_another  # type: ignore[method-assign]
    assert (await rerun(world.ports, "job-1", FAILED)).job_id == "job-1-rerun-1"
