"""Jobs with a task factory: a sweep, or a task for each blob, while blobs are added and deleted."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from batchmgr.dispatcher.memory_ports import MemoryJobStore
from batchmgr.errors import InvalidJobError, ServiceBusyError
from batchmgr.factories.factory_tasks import MAX_TASKS
from batchmgr.model.job_states import JobState
from batchmgr.ports import Ports
from batchmgr.steps.check_job import check_job
from batchmgr.steps.expand_factory import expand_found
from batchmgr.usecases.accept import accept
from batchmgr.usecases.cancel import cancel
from batchmgr.usecases.submit import submit
from batchmgr.wire.factory_message import BlobSource, ParametricSweep, SweepParameter, TaskPerFile
from batchmgr.wire.job_message import JobMessage
from batchmgr.wire.task_message import OutputFileMessage, TaskTemplate
from tests.fakes import FakeClock
from tests.world import CALLBACK, World

KEEP = OutputFileMessage(source_file_path="out.txt", target_blob_path="out/{name}")


def per_file(command: str = "wc {0}", *, merge: bool = False) -> JobMessage:
    return JobMessage(
        job_id="job-1",
        call_back_uri=CALLBACK,
        task_factory=TaskPerFile(
            source=BlobSource(container_name="files", prefix="in/", pattern="*.txt"),
            repeat_task=TaskTemplate(command_line=command, output_files=(KEEP,)),
            merge_task=TaskTemplate(command_line="cat") if merge else None,
        ),
    )


def world_with(*names: str) -> World:
    world = World()
    world.storage.blobs["files"] = {f"in/{name}" for name in names}
    return world


def commands(world: World) -> list[str]:
    return [task.command_line for task in world.batch.jobs["job-1"].tasks.values()][:-1]


async def test_a_sweep_runs_and_its_tasks_are_not_stored() -> None:
    world = World()
    sweep = ParametricSweep(
        parameters={"x": SweepParameter(values=(1, 2))},
        repeat_task=TaskTemplate(command_line="solve {x}"),
        merge_task=TaskTemplate(command_line="cat"),
    )
    world.enqueue(JobMessage(job_id="job-1", task_factory=sweep))
    await world.run_until_idle()
    assert world.record().state is JobState.SUCCEEDED
    assert commands(world) == ["solve 1", "solve 2", "cat"]
    assert world.batch.jobs["job-1"].tasks["batchmgr-finalize"].depends_on == ("merge",)
    assert world.jobs.tasks == {}


async def test_each_blob_that_matches_the_source_has_a_task() -> None:
    world = world_with("b.txt", "a;b.txt", "c.csv")
    world.storage.blobs["files"] |= {"in/", "elsewhere.txt"}
    world.enqueue(per_file(merge=True))
    await world.run_until_idle()
    assert world.record().state is JobState.SUCCEEDED
    assert commands(world) == ["wc 'in/a;b.txt'", "wc in/b.txt", "cat"]


async def test_blobs_added_or_deleted_after_submission_do_not_change_the_job() -> None:
    world = world_with("a.txt", "b.txt")
    world.enqueue(per_file())
    await world.tick()
    world.storage.blobs["files"] = {"in/new.txt"}
    await submit(world.ports, "job-1")
    await world.run_until_idle()
    assert commands(world) == ["wc in/a.txt", "wc in/b.txt"]
    assert [file.name for file in world.record().results] == ["out/in/a.txt", "out/in/b.txt"]


async def test_the_blobs_are_listed_at_submission_not_at_acceptance() -> None:
    world = World()  # without the container
    await check_job(world.ports, "job-1", per_file())
    assert world.jobs.tasks == {}
    world.enqueue(per_file())
    world.storage.blobs["files"] = {"in/late.txt"}
    await world.run_until_idle()
    assert commands(world) == ["wc in/late.txt"]


class FailingStore(MemoryJobStore):
    """A store that fails once, before or after it has stored the tasks."""

    def __init__(self, *, after: bool) -> None:
        super().__init__(FakeClock())
        self._after = after
        self._fails = True

    async def save_tasks(self, job_id: str, body: bytes) -> bytes:
        fails, self._fails = self._fails, False
        if fails and not self._after:
            raise ServiceBusyError("lost the connection")
        kept = await super().save_tasks(job_id, body)
        if fails:
            raise ServiceBusyError("lost the connection")
        return kept


@pytest.mark.parametrize(("after", "expected"), [(False, "wc in/new.txt"), (True, "wc in/old.txt")])
async def test_an_interrupted_submission_lists_the_blobs_again_unless_the_tasks_were_stored(
    after: bool, expected: str
) -> None:
    world = world_with("old.txt")
    world.jobs = FailingStore(after=after)
    world.ports = replace(world.ports, jobs=world.jobs)
    world.enqueue(per_file())
    await world.tick()
    assert world.batch.created == []
    world.storage.blobs["files"] = {"in/new.txt"}
    await world.run_until_idle()
    assert commands(world) == [expected]
    assert world.record().state is JobState.SUCCEEDED


class HurriedStore(MemoryJobStore):
    """A store that halts this process until its claim lapses, before it stores the blobs it has listed.

    Meanwhile another process submits the job.
    """

    def __init__(self, world: World) -> None:
        super().__init__(world.clock)
        self._world = world
        self.other: Ports | None = None

    async def save_tasks(self, job_id: str, body: bytes) -> bytes:
        other, self.other = self.other, None
        if other is not None:
            self._world.storage.blobs["files"] = {"in/other.txt"}
            self._world.clock.advance(timedelta(minutes=1))
            await submit(other, job_id)
        return await super().save_tasks(job_id, body)


async def test_two_submissions_that_list_different_blobs_submit_the_same_tasks() -> None:
    world = world_with("one.txt", "two.txt")
    store = HurriedStore(world)
    world.jobs = store
    world.ports = store.other = replace(world.ports, jobs=store)
    world.enqueue(per_file())
    await world.run_until_idle()
    assert commands(world) == ["wc in/other.txt"]
    assert world.record().run.total == 2
    assert world.record().state is JobState.SUCCEEDED


@pytest.mark.parametrize(
    ("blobs", "field", "reason"),
    [
        (None, "taskFactory.source.containerName", "there is no container 'files'"),
        (set(), "taskFactory.source", "no blob matches"),
        ({"in/../x.txt"}, "taskFactory.repeatTask.inputFiles[0].targetFilePath", "'in/../x.txt'"),
    ],
)
async def test_unusable_blobs_reject_the_job_and_the_callback_reports_it(
    blobs: set[str] | None, field: str, reason: str
) -> None:
    world = World()
    if blobs is not None:
        world.storage.blobs["files"] = blobs
    world.enqueue(per_file())
    await world.run_until_idle()
    record = world.record()
    assert record.state is JobState.REJECTED
    assert record.error is not None
    assert record.error.field == field
    assert reason in record.error.message
    assert world.batch.created == []
    assert [body.status_code for _, body, _ in world.callbacks.received] == ["400"]


async def test_a_job_cancelled_before_its_blobs_are_known_ends_cancelled() -> None:
    world = World()
    await accept(world.ports, "job-1", per_file())
    await cancel(world.ports, "job-1")
    await world.run_until_idle()
    assert world.record().state is JobState.CANCELLED
    assert world.jobs.tasks == {}


async def test_an_invalid_message_does_not_replace_a_stored_factory() -> None:
    world = world_with("a.txt")
    await world.jobs.save_request("job-1", per_file())
    broken = b'{"jobId": "job-1", "colour": 1}'
    world.enqueue(broken)
    await world.tick()
    assert world.queue.poison == [broken]


@pytest.mark.thorough
async def test_a_hundred_thousand_blobs_are_accepted_and_one_more_is_rejected() -> None:
    world = world_with(*(f"{n:06}.txt" for n in range(MAX_TASKS)))
    await accept(world.ports, "job-1", per_file(merge=True))
    async with asyncio.timeout(60):
        await submit(world.ports, "job-1")
    assert world.record().run.total == MAX_TASKS + 2
    world.storage.blobs["files"].add("in/one-more.txt")
    factory = per_file().task_factory
    assert factory is not None
    with pytest.raises(
        InvalidJobError, match="would make 100,001 tasks; a job can have 100,000 at most"
    ) as caught:
        await expand_found(world.storage, "job-1", factory)
    assert caught.value.field == "taskFactory.source"
