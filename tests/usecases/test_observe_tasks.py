"""What a poll publishes about many tasks, and what the end of the job adds."""

from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchmgr.model.batch_snapshots import TaskCounts, TaskSnapshot
from batchmgr.model.job_states import JobState
from batchmgr.plan.job_plan import FINALIZE_TASK_ID
from batchmgr.steps import observe_tasks as observation
from batchmgr.steps.observe_tasks import observe
from batchmgr.steps.outbox import load
from batchmgr.usecases.poll import poll
from tests.number_of_examples import examples
from tests.world import World, job_message, listed, task

MANY = [task(str(number)) for number in range(1, 601)]


async def running_world() -> World:
    world = World()
    world.batch.run = list  # type: ignore[method-assign]
    world.enqueue(job_message(*MANY))
    await world.tick()
    del world.batch.run
    return world


async def test_every_task_of_many_is_published_once_in_order_of_time() -> None:
    world = await running_world()
    world.batch.run()
    await world.run_until_idle()
    ended = [event for event in world.log() if event.type == "batchmgr.task.succeeded"]
    assert len(ended) == len({event.id for event in ended}) == 601
    assert [event.time for event in ended] == sorted(event.time for event in ended)
    assert world.record().state is JobState.SUCCEEDED


async def test_a_poll_without_changes_saves_nothing_and_publishes_nothing() -> None:
    world = await running_world()
    await poll(world.ports)
    before, events = world.jobs.records["job-1"], len(world.log())
    await poll(world.ports)
    assert world.jobs.records["job-1"] == before
    assert len(world.log()) == events


async def test_a_transition_that_became_visible_too_late_is_published_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(observation, "OVERLAP", timedelta(0))
    world = await running_world()
    job = world.batch.jobs["job-1"]
    earlier = job.snapshots["7"]
    world.batch.run()
    late, job.snapshots["7"] = job.snapshots["7"], earlier
    await poll(world.ports)
    assert not [event for event in world.log() if event.subject.endswith("/7")]
    job.snapshots["7"] = late
    await world.run_until_idle()
    published = [event.type for event in world.log() if event.subject.endswith("/7")]
    assert published == ["batchmgr.task.succeeded"]


async def test_the_record_has_the_same_size_whatever_number_of_tasks_has_ended_at_once() -> None:
    world = await running_world()
    start = world.clock.now()
    sizes = []
    for number in range(40):
        world.clock.advance(timedelta(milliseconds=700))
        now = world.clock.now()
        ended = [
            TaskSnapshot(
                task_id=f"{number}-{n}",
                state="completed",
                state_transition_time=now,
                start_time=start,
                result="success",
            )
            for n in range(500)
        ]
        counts = TaskCounts(active=1, completed=500 * (number + 1), succeeded=500 * (number + 1))
        await observe(world.ports, await load(world.ports, "job-1"), listed(ended), counts)
        sizes.append(len(msgspec.json.encode(world.record())))
    told = [event.id for event in world.log() if event.type == "batchmgr.task.succeeded"]
    assert len(told) == len(set(told)) == 20_000
    assert max(sizes) < 3000
    assert sizes[-1] - sizes[20] < 100


async def test_only_the_first_twenty_failed_tasks_are_diagnosed() -> None:
    world = World()
    world.enqueue(job_message(*(task(str(number), "/bin/false") for number in range(1, 31))))
    await world.run_until_idle()
    failed = [event.data["error"] for event in world.log() if event.type == "batchmgr.task.failed"]
    looked_at = [error for error in failed if isinstance(error, dict) and error.get("stderr")]
    assert (len(failed), len(looked_at)) == (30, 20)
    assert len(world.record().run.failed_tasks) == 20
    [(_, body, _)] = world.callbacks.received
    assert body.error is not None
    assert body.error.message.startswith("30 of 30 tasks failed.")


class Retrying:
    """A running job with one task that is run again and again."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._job = world.batch.jobs["job-1"]
        self._retries_run = 0

    @classmethod
    async def begun(cls) -> "Retrying":
        world = World()
        world.batch.run = list  # type: ignore[method-assign]
        world.enqueue(job_message(task("1", "/bin/false")))
        await world.tick()
        return cls(world)

    async def shown(self, **changes: object) -> None:
        """Poll while Azure Batch reports this state of the task."""
        self.world.clock.advance(timedelta(minutes=1))
        now = self.world.clock.now()
        old = self._job.snapshots["1"]
        new = msgspec.structs.replace(old, state_transition_time=now, **changes)
        if new.state == "running" and (old.state != "running" or _run(old) != _run(new)):
            new = msgspec.structs.replace(new, start_time=now)
            if new.retry_count > self._retries_run:
                new = msgspec.structs.replace(new, last_retry_time=now)
            self._retries_run = new.retry_count
        if new.requeue_count > old.requeue_count:
            new = msgspec.structs.replace(new, last_requeue_time=now - timedelta(seconds=30))
        self._job.set(new)
        ports = self.world.ports
        counts = await ports.batch.task_counts("job-1")
        await observe(ports, await load(ports, "job-1"), listed([self._job.snapshots["1"]]), counts)

    async def other_tasks_end(self) -> None:
        """Let another task end, a minute later: what was read before is no longer looked up."""
        self.world.clock.advance(timedelta(minutes=1))
        now, ports = self.world.clock.now(), self.world.ports
        other = TaskSnapshot(
            task_id="other", state="completed", state_transition_time=now, result="success", start_time=now
        )
        counts = await ports.batch.task_counts("job-1")
        await observe(ports, await load(ports, "job-1"), listed([other]), counts)

    async def ended(self) -> None:
        """Let the task fail finally, and let the FinalizeTask run."""
        now = self.world.clock.now()
        old: TaskSnapshot = self._job.snapshots["1"]
        over = {"state": "completed", "result": "failure", "exit_code": 1, "state_transition_time": now}
        self._job.set(msgspec.structs.replace(old, **over))
        del self.world.batch.run
        await self.world.run_until_idle()

    @property
    def published(self) -> list[str]:
        """Return the published events of the task."""
        events = [event for event in self.world.log() if event.subject == "jobs/job-1/tasks/1"]
        return [event.id.removeprefix("jobs/job-1/tasks/1/task.") for event in events]


def _run(snapshot: TaskSnapshot) -> tuple[int, int]:
    return snapshot.retry_count, snapshot.requeue_count


async def test_a_retry_is_published_once_even_if_several_polls_see_it() -> None:
    retrying = await Retrying.begun()
    await retrying.shown(state="preparing")
    await retrying.shown(state="running")
    await retrying.shown(state="running", retry_count=1)
    await retrying.shown(state="running", retry_count=1, requeue_count=1)
    await retrying.shown(state="running", retry_count=2, requeue_count=1)
    await retrying.ended()
    assert retrying.published == [
        "running/0",
        "retried/1",
        "running/1",
        "preempted/1",
        "running/2",
        "retried/2",
        "running/3",
        "failed/3",
    ]


async def test_a_task_that_prepares_for_long_is_published_as_running_once() -> None:
    retrying = await Retrying.begun()
    await retrying.shown(state="preparing")
    await retrying.other_tasks_end()
    await retrying.shown(state="running")
    assert retrying.published == ["running/0"]


RUN = st.tuples(st.booleans(), st.integers(0, 1), st.integers(0, 1))


@given(st.lists(RUN, max_size=8))
@examples(60)
async def test_no_event_of_a_task_is_published_twice(runs: list[tuple[bool, int, int]]) -> None:
    retrying = await Retrying.begun()
    retries = requeues = 0
    for prepares, again, lost in runs:
        retries, requeues = retries + again, requeues + lost
        if prepares:
            await retrying.shown(state="preparing", retry_count=retries, requeue_count=requeues)
        await retrying.shown(state="running", retry_count=retries, requeue_count=requeues)
    await retrying.ended()
    assert len(retrying.published) == len(set(retrying.published)), retrying.published
    assert sum(name.startswith("retried") for name in retrying.published) == retries
    assert sum(name.startswith("preempted") for name in retrying.published) == requeues
    assert retrying.published[-1] == f"failed/{retries + requeues}"


async def test_a_failure_after_retries_states_the_number_of_retries() -> None:
    world = World()
    failing = msgspec.structs.replace(task("1", "/bin/false"), max_task_retry_count=2)
    world.enqueue(job_message(failing))
    await world.run_until_idle()
    error = world.record().error
    assert error is not None
    assert error.message == "1 of 1 tasks failed. 1: exit code 1: on stderr (after 2 retries)"


async def test_the_finalize_task_is_diagnosed_even_after_many_failed_tasks() -> None:
    world = World()
    world.batch.fails.add(FINALIZE_TASK_ID)
    world.enqueue(job_message(*(task(str(number), "/bin/false") for number in range(1, 31))))
    await world.run_until_idle()
    record = world.record()
    assert [failed.task_id for failed in record.run.failed_tasks][-1] == FINALIZE_TASK_ID
    assert record.error is not None
    assert record.error.message.endswith("The FinalizeTask failed too: exit code 1: on stderr")
