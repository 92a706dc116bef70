"""The timeline follows from the log: whatever is told twice, out of order, or after a retry or a requeue."""

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from batchmgr.errors import ServiceBusyError
from batchmgr.model.batch_snapshots import TaskError, TaskSnapshot
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_states import JobState
from batchmgr.model.timeline import NONE, TaskTold, Timeline, TimelineWriter
from batchmgr.usecases import read_timeline as module
from batchmgr.usecases.purge import purge
from batchmgr.usecases.read_timeline import read_timeline
from batchmgr.usecases.rerun import rerun
from batchmgr.wire.events import task_events
from batchmgr.wire.rerun_request import RerunRequest
from batchmgr.wire.timeline_answer import tasks_told, timeline_answer
from tests.contract.test_event_log import NOW
from tests.event_log import append
from tests.world import World, job_message, task


def at(seconds: float) -> Any:
    return NOW + timedelta(seconds=seconds)


def running(start: float, node: str = "n1", task_id: str = "count-1", **fields: Any) -> TaskSnapshot:
    return TaskSnapshot(
        task_id=task_id,
        state="running",
        state_transition_time=at(start),
        start_time=at(start),
        node_id=node,
        **fields,
    )


def ended(of: TaskSnapshot, end: float, exit_code: int = 0, error: str = "") -> TaskSnapshot:
    return replace(
        of,
        state="completed",
        state_transition_time=at(end),
        end_time=at(end),
        exit_code=exit_code,
        result="failure" if exit_code else "success",
        error=TaskError(type=error, message="") if error else None,
    )


def requeued(start: float, node: str, lost: float) -> TaskSnapshot:
    return running(start, node, requeue_count=1, last_requeue_time=at(lost))


FIRST = running(1)
LOST_ONCE = [FIRST, requeued(20, "n2", 9), ended(requeued(20, "n2", 9), 30)]
RETRIED = [
    FIRST,
    running(12, "n1", retry_count=1, last_retry_time=at(12)),
    ended(running(12, "n1", retry_count=1, last_retry_time=at(12)), 15, 3, "ValueError"),
]


def columns(tasks: Sequence[TaskSnapshot]) -> dict[str, Any]:
    """The answer, with names in place of their numbers, by task."""
    writer = TimelineWriter(Timeline(origin=NOW))
    for one in tasks:
        events = task_events("j", one)
        for told in tasks_told(b"".join(msgspec.json.encode(event) + b"\n" for event in events)):
            writer.add(told)
    return named(writer.timeline)


def named(timeline: Timeline) -> dict[str, Any]:
    record = JobRecord(
        job_id="j",
        state=JobState.RUNNING,
        workload="",
        digest="",
        created_at=NOW,
        updated_at=NOW,
    )
    answer = timeline_answer(record, timeline, NOW)
    rows: dict[str, Any] = {}
    for row, task_id in enumerate(answer["taskId"]):
        rows[task_id] = {
            "kind": answer["kinds"][answer["kind"][row]],
            "state": answer["states"][answer["state"][row]],
            "node": "" if answer["node"][row] == NONE else answer["nodes"][answer["node"][row]],
            "error": "" if answer["error"][row] == NONE else answer["errors"][answer["error"][row]],
            **{name: answer[name][row] for name in ("start", "end", "exitCode", "retries", "requeues")},
        }
    lost = answer["lost"]
    rows["lost"] = sorted(
        (answer["taskId"][one], answer["nodes"][node], start, end)
        for one, node, start, end in zip(lost["task"], lost["node"], lost["start"], lost["end"], strict=True)
    )
    return rows


@pytest.mark.parametrize(
    ("tasks", "row", "lost"),
    [
        ([FIRST], {"state": "running", "start": 1, "end": None, "node": "n1", "exitCode": None}, []),
        ([FIRST, ended(FIRST, 5)], {"state": "succeeded", "start": 1, "end": 5, "exitCode": 0}, []),
        ([ended(FIRST, 5, 3, "E")], {"state": "failed", "error": "E", "exitCode": 3}, []),
        (
            LOST_ONCE,
            {"state": "succeeded", "start": 20, "end": 30, "node": "n2", "requeues": 1},
            [("count-1", "n1", 1, 9)],
        ),
        (
            RETRIED,
            {"state": "failed", "start": 12, "end": 15, "retries": 1, "error": "ValueError"},
            [("count-1", "n1", 1, 12)],
        ),
        (LOST_ONCE[1:], {"state": "succeeded", "start": 20, "end": 30}, []),  # nobody has seen the first run
    ],
)
def test_the_newest_run_is_the_row_and_those_before_are_lost_in_whatever_order_they_are_told(
    tasks: list[TaskSnapshot], row: dict[str, Any], lost: list[tuple[Any, ...]]
) -> None:
    for order in itertools.permutations([*tasks, *tasks[:1]]):
        found = columns(order)
        assert {name: found["count-1"][name] for name in row} == row
        assert found["lost"] == lost
        assert len(found) == 2


def test_ten_thousand_snapshots_in_any_order_make_the_same_timeline() -> None:
    seed = random.Random(7)
    told: list[TaskSnapshot] = []
    for number in range(300):
        runs = sorted(seed.sample(range(1, 1000), seed.choice((1, 1, 1, 2, 4))))
        for count, start in enumerate(runs):
            lost = at(start - 0.5) if count else None
            run = running(start, f"n{count}", f"t-{number}", requeue_count=count, last_requeue_time=lost)
            told.append(run)
        told.append(ended(told[-1], runs[-1] + 0.25))
    whole = columns(told)
    for _ in range(5):
        seed.shuffle(told)
        assert columns(told + told[:50]) == whole
    assert len(whole["lost"]) > 100


async def test_a_whole_job_is_read_from_its_log_and_only_what_is_new_is_read_again() -> None:
    world = World()
    world.batch.fails.add("count-2")
    world.enqueue(job_message(task("count-1"), task("count-2"), task("merge", "/bin/true", "count-1")))
    await world.run_until_idle()
    record = world.record()
    timeline = await read_timeline(world.ports, record)
    rows = named(timeline)
    assert timeline.origin == record.created_at
    assert {name: rows[name]["state"] for name in rows if name != "lost"} == {
        "count-1": "succeeded",
        "count-2": "failed",
        "merge": "succeeded",
        "batchmgr-finalize": "succeeded",
    }
    assert timeline.offset == len(world.log())
    assert world.timelines.kept == {}


async def test_what_was_read_is_kept_and_a_later_answer_reads_only_what_is_new(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "SAVED_AFTER", 3)
    world, record = await logged(LOST_ONCE)
    reads = count_lines(world)
    first = await read_timeline(world.ports, record)
    assert reads["lines"] == 4
    again = await read_timeline(world.ports, record)
    assert (again, reads["lines"]) == (first, 4)
    later = ended(running(40, "n3", "count-2"), 50)
    await append(world.events, "job-1", task_events("job-1", later), first.offset)
    timeline = await read_timeline(world.ports, record)
    assert reads["lines"] == 5
    assert named(timeline) == columns([*LOST_ONCE, later])


async def test_the_next_lines_are_asked_for_before_those_that_are_there_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world, record = await logged([ended(running(n, task_id=f"{n}"), n + 1) for n in range(2_500)])
    lines, done = world.events.lines, list[str]()

    async def asked(job_id: str, offset: int) -> tuple[bytes, int]:
        done.append("asked")
        return await lines(job_id, offset)

    def read(portion: bytes) -> Iterator[TaskTold]:
        done.append("read")
        return tasks_told(portion)

    monkeypatch.setattr(world.events, "lines", asked)
    monkeypatch.setattr(module, "tasks_told", read)
    assert len((await read_timeline(world.ports, record)).task_id) == 2_500
    assert done == ["asked", "asked", "read", "asked", "read", "asked", "read"]


async def test_a_log_that_can_not_be_read_to_its_end_makes_no_timeline_and_nothing_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "SAVED_AFTER", 1)
    world, record = await logged([ended(running(n, task_id=f"{n}"), n + 1) for n in range(2_500)])
    lines = world.events.lines

    async def busy(job_id: str, offset: int) -> tuple[bytes, int]:
        if offset:
            raise ServiceBusyError("storage is busy")
        return await lines(job_id, offset)

    monkeypatch.setattr(world.events, "lines", busy)
    with pytest.raises(ServiceBusyError):
        await read_timeline(world.ports, record)
    assert world.timelines.kept == {}
    assert len(asyncio.all_tasks()) == 1


async def logged(tasks: Sequence[TaskSnapshot]) -> tuple[World, JobRecord]:
    """A world with a job whose log tells of these tasks, and of the job between them."""
    world = World()
    world.enqueue(job_message(job_id="job-1"))
    world.batch.nodes = []
    await world.tick()
    job = await world.jobs.load("job-1")
    saved = await world.jobs.save(replace(job.value, created_at=NOW), job.etag)
    world.events.logs["job-1"] = world.events.logs["job-1"][:1]
    events = [event for one in tasks for event in task_events("job-1", one)]
    unique = {event.id: event for event in events}
    await append(world.events, "job-1", list(unique.values()), 1)
    return world, saved.value


def count_lines(world: World) -> Counter[str]:
    reads: Counter[str] = Counter()
    whole = world.events.lines

    async def lines(job_id: str, offset: int) -> tuple[bytes, int]:
        found, end = await whole(job_id, offset)
        reads["lines"] += found.count(b'"type":"batchmgr.task')
        return found, end

    world.events.lines = lines  # type: ignore[method-assign]
    return reads


@pytest.mark.parametrize("body", [b"", b"x", b"\x78\x01", "of another job"])
async def test_what_is_kept_and_can_not_be_used_is_made_anew(
    monkeypatch: pytest.MonkeyPatch, body: bytes | str
) -> None:
    monkeypatch.setattr(module, "SAVED_AFTER", 1)
    world, record = await logged(RETRIED)
    right = named(await read_timeline(world.ports, record))
    if isinstance(body, bytes):
        await world.timelines.save("job-1", body)
    else:
        other = replace(record, created_at=at(-1))
        world.events.logs["job-1"], log = [], world.events.logs["job-1"]
        await append(world.events, "job-1", task_events("job-1", FIRST), 0)
        await read_timeline(world.ports, other)
        world.events.logs["job-1"] = log
    assert named(await read_timeline(world.ports, record)) == right


async def test_a_timeline_that_can_not_be_kept_is_answered_all_the_same(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "SAVED_AFTER", 1)
    world, record = await logged(RETRIED)

    async def save(job_id: str, body: bytes) -> None:
        raise ServiceBusyError("storage is busy")

    world.timelines.save = save  # type: ignore[method-assign]
    assert named(await read_timeline(world.ports, record)) == columns(RETRIED)
    assert "the timeline of job job-1 is not kept: storage is busy" in caplog.text


async def test_a_rerun_has_a_timeline_of_its_own_and_a_deleted_job_keeps_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "SAVED_AFTER", 1)
    world = World()
    world.batch.fails.add("2")
    world.enqueue(job_message(task("1"), task("2"), callback=""))
    await world.run_until_idle()
    first = await read_timeline(world.ports, world.record())
    assert sorted(first.task_id) == ["1", "2", "batchmgr-finalize"]
    world.batch.fails.clear()
    again = await rerun(world.ports, "job-1", RerunRequest())
    await world.run_until_idle()
    second = await read_timeline(world.ports, world.record(again.job_id))
    assert sorted(second.task_id) == ["2", "batchmgr-finalize"]
    world.clock.advance(timedelta(hours=2))
    assert await purge(world.ports, again.job_id)
    assert await purge(world.ports, "job-1")
    assert world.timelines.kept == {}
