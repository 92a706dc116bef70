"""If the process is killed between any two side effects, no job is lost and nothing is published twice."""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchmgr.dispatcher.single_workload_registry import SingleWorkloadRegistry
from batchmgr.model.job_entry import JobEntry, ListPart
from batchmgr.model.job_record_parts import CallbackState, CallbackStatus
from batchmgr.model.job_states import JobState
from batchmgr.plan.file_specifications import ContainerNeed
from batchmgr.plan.job_plan import INPUTS_VARIABLE
from batchmgr.ports import Ports
from batchmgr.steps.check_job import check_job
from batchmgr.usecases.accept import accept
from batchmgr.wire.factory_message import BlobSource, TaskPerFile
from batchmgr.wire.job_message import JobMessage
from batchmgr.wire.task_message import TaskTemplate
from tests.chaos.interception import PORTS, intercepted
from tests.fake_files import FakeNodeStorage
from tests.number_of_examples import examples
from tests.usecases.sweep_workload import Sweep, sweep_message
from tests.webhooks import assert_told, with_webhooks
from tests.world import CALLBACK, World, job_message, task

pytestmark = pytest.mark.usefixtures("job_size")

DELIVERED = CallbackStatus(state=CallbackState.DELIVERED, attempts=1)
WHEN = pytest.mark.parametrize(
    "after", [pytest.param(False, marks=pytest.mark.thorough, id="before"), pytest.param(True, id="after")]
)
"""Whether a call has its effect before the process dies. Before a call is after the one before it, unless
several are made at once: so one of both is enough, except for `make chaos`."""


class Died(BaseException):
    """Stands for a killed process: nothing in batchmgr may catch it."""


class Mortal:
    """A process that is killed after a number of calls: before or after the effect of the last one."""

    def __init__(self, world: World, calls: int, *, after: bool) -> None:
        self.made = 0
        self._calls = calls
        self._after = after
        self.ports: Ports = intercepted(world.ports, self._call)

    async def _call(self, name: str, call: Callable[[], Awaitable[Any]]) -> Any:
        self.made += 1
        dies = self.made == self._calls
        if dies and not self._after:
            raise Died
        result = await call()
        if dies:
            raise Died
        return result


def test_calls_of_every_port_with_effects_are_counted() -> None:
    pure = {
        "clock",
        "workloads",
        "threads",
        "uploads",
        "deliveries",
        "followers",
        "default_pool_id",
        "body_limit",
        "prices",
        "callback_attempts",
        "stall_limit",
        "containers",
        "fair_share",
        "keep",
        "keep_streams",
    }
    pure |= {"node_files", "kept_files"}  # they are only read
    pure |= {"links"}  # for callers
    pure |= {"telemetry"}  # no job depends on it
    assert {one.name for one in fields(Ports)} - set(PORTS) == pure


@dataclass(frozen=True)
class Story:
    """A job, and how it ends if no process is killed."""

    enqueue: Callable[[World], None]
    state: JobState
    tasks: int
    succeeded: int
    reports: int = 0
    results: dict[str, dict[str, int]] = field(default_factory=dict)


def plain(world: World) -> None:
    """Two tasks that succeed."""
    world.enqueue(job_message())


def blocked(world: World) -> None:
    """A failed task that another task depends on: the FinalizeTask is released."""
    world.enqueue(job_message(task("a", "/bin/false"), task("b", "/bin/true", "a"), task("c")))


def planned_on_a_node(world: World) -> None:
    """Two tasks that a job manager task plans."""
    world.enqueue(world.plan_on_node(task("1"), task("2", "/bin/true", "1")))


def planned_by_a_workload(world: World) -> None:
    """Three tasks and one that waits for them, of a workload that never plans the same job twice."""
    world.ports = replace(world.ports, workloads=SingleWorkloadRegistry(Sweep().workload()))
    world.enqueue(sweep_message())


def reporting(world: World) -> None:
    """Two tasks that report progress; one publishes a result."""
    message = world.plan_on_node(task("1"), task("2", "/bin/true", "1"))
    world.batch.on_success["1"] = lambda: world.report("1", result={"lines": 5})
    world.batch.on_success["2"] = lambda: world.report("2")
    world.enqueue(message)


def told(world: World) -> None:
    """Two tasks, one of which fails, and webhooks."""
    world.enqueue(with_webhooks(job_message(task("a", "/bin/false"), task("b"))))


STORIES = {
    "told": Story(told, JobState.PARTIAL, tasks=3, succeeded=2),
    "plain": Story(plain, JobState.SUCCEEDED, tasks=3, succeeded=3),
    "blocked": Story(blocked, JobState.PARTIAL, tasks=4, succeeded=2),
    "planned on a node": Story(planned_on_a_node, JobState.SUCCEEDED, tasks=4, succeeded=4),
    "planned by a workload": Story(planned_by_a_workload, JobState.SUCCEEDED, tasks=5, succeeded=5),
    "reporting": Story(
        reporting, JobState.SUCCEEDED, tasks=4, succeeded=4, reports=2, results={"1": {"lines": 5}}
    ),
}


async def count_calls(story: Story) -> int:
    world = World()
    story.enqueue(world)
    life = Mortal(world, 10**9, after=False)
    for _ in range(8):
        await world.tick(life.ports)
    assert world.record().state is story.state
    return life.made


async def live(world: World, life: Mortal) -> None:
    """Run one process until it is killed, or for ten ticks."""
    try:
        for _ in range(10):
            await world.tick(life.ports)
    except Died:
        world.deliveries.started.clear()  # they are in the memory of the process
    except BaseExceptionGroup as group:
        if group.split(Died)[1] is not None:
            raise
        world.deliveries.started.clear()


def assert_whole(world: World, *, callbacks: int, story: Story = STORIES["plain"]) -> None:
    log = world.log()
    ids = [event.id for event in log]
    assert len(ids) == len(set(ids))
    assert [event.sequence for event in log] == [f"{n:010d}" for n in range(1, len(log) + 1)]
    kinds = [event.type.removeprefix("batchmgr.") for event in log]
    for kind in ("queued", "submitting", "running", "finalizing", story.state.value):
        assert kinds.count(f"job.{kind}") == 1, kind
    assert kinds.count("task.succeeded") == story.succeeded
    assert kinds.count("task.progress") == story.reports
    assert kinds.count("task.result") == len(story.results)
    assert {event.id for event in world.sink.sent} == set(ids)
    assert world.batch.created == ["job-1"]
    assert len(world.batch.jobs["job-1"].tasks) == story.tasks
    assert world.batch.finished.count("job-1") == 1
    assert world.batch.jobs["job-1"].state == "completed"
    assert world.record().state is story.state
    assert world.jobs.active == set()
    if world.record().webhooks:
        assert_told(world)
    entry = JobEntry.of(world.record())
    assert list(world.listing.parts[entry.part]) == [entry.key]
    assert entry.key not in world.listing.parts[ListPart.ACTIVE]
    assert {webhook_id for _, _, webhook_id in world.callbacks.received} == {"msg_job-1"}
    assert 1 <= len(world.callbacks.received) <= callbacks
    for _, body, _ in world.callbacks.received:
        told = {one["taskId"]: one["result"] for one in body.output.get("taskResults", [])}  # type: ignore[attr-defined]
        assert told == story.results


@WHEN
@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
async def test_a_job_survives_a_kill_at_any_side_effect(story: Story, after: bool) -> None:
    last = await count_calls(story)
    assert last > 40
    for calls in range(1, last + 1):
        world = World()
        story.enqueue(world)
        life = Mortal(world, calls, after=after)
        await live(world, life)
        # Once, except if the process is killed between the receiver's response and saving it.
        is_noted = bool(world.jobs.records) and world.record().callback == DELIVERED
        unsure = bool(world.callbacks.received) and not is_noted
        await world.run_until_idle()
        assert_whole(world, callbacks=2 if unsure else 1, story=story)


class RestlessStorage(FakeNodeStorage):
    """Storage that lists two other blobs each time."""

    async def list_blobs(self, need: ContainerNeed, prefix: str) -> AsyncGenerator[str, None]:
        number = len(self.blobs)
        self.blobs[f"look {number}"] = set()
        for name in "ab":
            yield f"{name}-{number}.txt"


PER_FILE = JobMessage(
    job_id="job-1",
    call_back_uri=CALLBACK,
    task_factory=TaskPerFile(
        source=BlobSource(container_name="files"), repeat_task=TaskTemplate(command_line="wc {0}")
    ),
)


@WHEN
async def test_a_kill_at_any_side_effect_never_mixes_two_listings_of_blobs(
    after: bool,
) -> None:
    for calls in range(1, await count_calls(STORIES["plain"]) + 3):
        world = World()
        world.storage = RestlessStorage()
        world.ports = replace(world.ports, storage=world.storage)
        world.enqueue(PER_FILE)
        await live(world, Mortal(world, calls, after=after))
        await world.run_until_idle()
        assert_whole(world, callbacks=2)
        commands = [planned.command_line for planned in world.batch.jobs["job-1"].tasks.values()]
        number = commands[0].partition("-")[2]
        assert commands[:2] == [f"wc a-{number}", f"wc b-{number}"]


@WHEN
@pytest.mark.parametrize("over_http", [False, True], ids=["queue", "http"])
async def test_a_kill_at_any_side_effect_never_mixes_two_plans_of_a_workload(
    over_http: bool, after: bool
) -> None:
    """Each time that it runs, `create_job` makes other tasks: a job must have those of one time."""
    story = STORIES["planned by a workload"]
    for calls in range(1, await count_calls(story) + 1):
        world = World()
        story.enqueue(world)
        message = sweep_message()
        life = Mortal(world, calls, after=after)
        if over_http:
            world.incoming.clear()
            for ports in (life.ports, world.ports):  # a client without an answer sends it again
                with suppress(Died):
                    await accept(ports, "job-1", message, await check_job(ports, "job-1", message))
                    break
        await live(world, life)
        await world.run_until_idle()
        assert_whole(world, callbacks=2, story=story)
        added = world.batch.jobs["job-1"].tasks
        inputs = [json.loads(added[str(number)].environment[INPUTS_VARIABLE]) for number in (1, 2, 3)]
        assert len({one["run"] for one in inputs}) == 1
        made = f"run-{inputs[0]['run']}"
        results = [file.name for file in world.record().results]
        assert results == [f"{made}/0.txt", f"{made}/1.txt", f"{made}/2.txt"]


@given(
    story=st.sampled_from(list(STORIES.values())),
    deaths=st.lists(st.tuples(st.integers(1, 60), st.booleans()), max_size=6),
    copies=st.integers(1, 3),
)
@examples(200)
async def test_many_kills_and_duplicate_messages_still_give_one_job(
    story: Story, deaths: list[tuple[int, bool]], copies: int
) -> None:
    world = World()
    for _ in range(copies):
        story.enqueue(world)
    for calls, after in deaths:
        await live(world, Mortal(world, calls, after=after))
    await world.run_until_idle()
    assert_whole(world, callbacks=1 + len(deaths), story=story)


async def test_the_poller_finalizes_a_job_whose_trigger_was_lost() -> None:
    world = World()
    world.loses_finalize_triggers = True
    world.enqueue(job_message())
    await world.run_until_idle()
    assert_whole(world, callbacks=1)


async def test_the_poller_submits_a_job_whose_message_was_lost() -> None:
    world = World()
    world.enqueue(job_message())
    life = Mortal(world, 6, after=True)
    await live(world, life)
    world.incoming.clear()
    await world.run_until_idle()
    assert_whole(world, callbacks=1)


async def test_the_finalize_task_runs_although_a_failure_blocks_other_tasks() -> None:
    world = World()
    blocked(world)
    await world.run_until_idle()
    record = world.record()
    assert world.batch.finished == ["job-1"]
    assert record.state is JobState.PARTIAL
    assert record.error is not None
    assert record.error.message == "1 of 3 tasks failed. 1 did not run. a: exit code 1: on stderr"
    assert world.batch.jobs["job-1"].state == "completed"
    assert [body.status_code for _, body, _ in world.callbacks.received] == ["500"]
