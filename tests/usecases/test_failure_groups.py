"""The failed tasks of a job in groups: while it runs, at its end, and when all else is gone."""

import json
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from batchmgr.errors import JobNotFoundError, ServiceBusyError, ServiceRefusedError
from batchmgr.model.failure_groups import FailureGroups
from batchmgr.model.size_limits import MAX_RECORD, size_of
from batchmgr.steps import group_failures
from batchmgr.usecases.cancel import cancel
from batchmgr.usecases.list_failures import list_failures
from batchmgr.usecases.purge import purge
from batchmgr.wire.task_message import TaskMessage
from tests.world import World, job_message, task

TRACE = (
    "Traceback (most recent call last):\n  File \"/mnt/x.py\", line 1\nValueError: chunk {} of '{}' is bad\n"
)
WAITS = TaskMessage(id="waits", command_line="/bin/true", required_slots=200)
"""A task that no node is large enough for."""


def failing(world: World, count: int, text: str = TRACE) -> tuple[TaskMessage, ...]:
    """Tasks that fail for the same reason, each in its own words."""
    for number in range(count):
        world.batch.fails.add(f"count-{number}")
        world.batch.files[f"count-{number}", "stderr.txt"] = text.format(number, f"/in/{number}.csv").encode()
    return tuple(task(f"count-{number}") for number in range(count))


@pytest.fixture
def reads(world: World) -> list[str]:
    """The tasks whose files were read, once for each file."""
    found: list[str] = []
    read_file = world.batch.read_file

    async def counted(job_id: str, task_id: str, path: str, max_bytes: int, *, from_start: int = 0) -> bytes:
        found.append(task_id)
        return await read_file(job_id, task_id, path, max_bytes, from_start=from_start)

    world.batch.read_file = counted  # type: ignore[method-assign]
    return found


@pytest.fixture
def world() -> World:
    return World()


async def test_one_bug_in_all_tasks_is_one_group_in_the_list_the_result_and_the_callback(
    world: World,
) -> None:
    world.enqueue(job_message(*failing(world, 200), task("good")))
    await world.run_until_idle()
    groups = await list_failures(world.ports, "JOB-1")
    assert (groups.failed, groups.looked_at, len(groups.groups)) == (200, 200, 1)
    group = groups.groups[0]
    assert (group.type, group.message, group.exit_code) == ("ValueError", "chunk <n> of <value> is bad", 1)
    assert (group.count, group.looked_at, group.first_task) == (200, 200, "count-0")
    assert group.traceback.startswith("Traceback")
    assert "chunk" in group.stderr
    (shown,) = world.record().failure_groups
    assert shown == group.without_details()
    output = json.loads(msgspec.json.encode(world.callbacks.received[0][1]))["Output"]
    (told,) = output["failureGroups"]
    assert (told["count"], told["message"]) == (200, "chunk <n> of <value> is bad")
    assert "traceback" not in told


async def test_two_bugs_are_two_groups_and_the_larger_one_comes_first(world: World) -> None:
    tasks = failing(world, 7)
    for number in (1, 4):
        world.batch.files[f"count-{number}", "stderr.txt"] = b"disk full\n"
    world.enqueue(job_message(*tasks))
    await world.run_until_idle()
    groups = (await list_failures(world.ports, "job-1")).groups
    assert [(group.message, group.count, group.first_task) for group in groups] == [
        ("chunk <n> of <value> is bad", 5, "count-0"),
        ("exit code 1: disk full", 2, "count-1"),
    ]


async def test_each_task_is_looked_at_once_and_not_more_than_the_limit(
    world: World, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_failures, "MAX_LOOKED_AT", 30)
    world.enqueue(job_message(*failing(world, 100)))
    await world.run_until_idle()
    at_end = len(reads)
    groups = await list_failures(world.ports, "job-1")
    assert (groups.failed, groups.looked_at) == (100, 30)
    assert [(group.count, group.looked_at) for group in groups.groups] == [(100, 30)]
    assert len(reads) == at_end


async def test_while_a_job_runs_only_new_failures_are_looked_at(world: World, reads: list[str]) -> None:
    world.enqueue(job_message(*failing(world, 2), WAITS))
    await world.tick()
    assert (await list_failures(world.ports, "job-1")).failed == 2
    before = len(reads)
    assert (await list_failures(world.ports, "job-1")).looked_at == 2
    assert len(reads) == before
    assert not world.record().state.is_final


async def test_a_node_that_has_gone_leaves_what_was_kept_and_what_was_diagnosed(world: World) -> None:
    world.ports = replace(world.ports, keep_streams="taskFailure")
    tasks = failing(world, 3)
    for number in range(3):
        del world.batch.files[f"count-{number}", "stderr.txt"]
        world.batch.files[f"count-{number}", "stderr.txt"] = b""
    world.kept_files.kept["job-1", "count-0", "stderr.txt"] = b"x" * 5000 + b"\nout of memory at 17\n"
    world.kept_files.kept["job-1", "count-1", "stderr.txt"] = b"out of memory at 23\n"
    world.enqueue(job_message(*tasks))
    await world.run_until_idle()
    groups = (await list_failures(world.ports, "job-1")).groups
    assert [(group.message, group.count) for group in groups] == [
        ("exit code 1: out of memory at <n>", 2),
        ("exit code 1", 1),
    ]
    assert len(groups[0].stderr) < 2100


async def test_the_groups_stay_when_the_batch_job_is_deleted_and_go_with_the_job(world: World) -> None:
    world.enqueue(job_message(*failing(world, 3)))
    await world.run_until_idle()
    before = await list_failures(world.ports, "job-1")
    await world.batch.delete_job("job-1")
    assert await list_failures(world.ports, "job-1") == before
    assert await purge(world.ports, "job-1")
    assert world.failures.known == {}
    with pytest.raises(JobNotFoundError):
        await list_failures(world.ports, "job-1")


async def test_what_is_known_of_an_earlier_job_of_the_same_id_does_not_count(world: World) -> None:
    world.enqueue(job_message(*failing(world, 3)))
    await world.run_until_idle()
    known = world.failures.known["job-1"]
    assert await purge(world.ports, "job-1")
    world.batch.files.clear()
    world.enqueue(job_message(*failing(world, 1, "other\n")), message_id="m-2")
    world.failures.known["job-1"] = known
    await world.run_until_idle()
    assert [group.message for group in world.record().failure_groups] == ["exit code 1: other"]


async def test_a_busy_service_or_a_slow_one_leaves_the_rest_for_the_next_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = world.batch.read_file
    busy = True

    async def read_file(
        job_id: str, task_id: str, path: str, max_bytes: int, *, from_start: int = 0
    ) -> bytes:
        if busy and task_id == "count-1":
            raise ServiceBusyError("busy", code="ServerBusy")
        if busy:
            await world.clock.sleep(timedelta(seconds=6))
        return await read(job_id, task_id, path, max_bytes, from_start=from_start)

    monkeypatch.setattr(group_failures, "AT_ONCE", 2)
    tasks = failing(world, 5)
    world.enqueue(job_message(*tasks))
    world.batch.read_file = read_file  # type: ignore[method-assign]
    await world.run_until_idle()
    assert world.record().state == "failed"
    (group,) = world.record().failure_groups
    assert (group.count, 0 < group.looked_at < 5) == (5, True)
    busy = False
    assert (await list_failures(world.ports, "job-1")).looked_at == 5


async def test_a_storage_that_refuses_does_not_keep_a_job_from_its_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*arguments: object) -> None:
        raise ServiceRefusedError("no", status=400)

    monkeypatch.setattr(world.failures, "save", refuse)
    monkeypatch.setattr(world.failures, "load", refuse)
    world.enqueue(job_message(*failing(world, 2)))
    await world.run_until_idle()
    assert [group.count for group in world.record().failure_groups] == [2]


async def test_a_cancelled_job_ends_without_a_look(world: World, reads: list[str]) -> None:
    world.enqueue(job_message(*failing(world, 30), WAITS))
    await world.tick()
    await cancel(world.ports, "job-1")
    before = len(set(reads))
    await world.run_until_idle()
    assert len(set(reads)) <= before + 20
    assert (await list_failures(world.ports, "job-1")).failed == world.record().run.counts.failed


async def test_a_job_that_has_succeeded_or_not_begun_has_no_failures(world: World) -> None:
    world.enqueue(job_message())
    await world.run_until_idle()
    assert await list_failures(world.ports, "job-1") == FailureGroups()
    with pytest.raises(JobNotFoundError):
        await list_failures(world.ports, "none")


async def test_very_many_causes_fit_into_the_record(world: World) -> None:
    tasks = failing(world, 300)
    for number in range(300):
        words = " ".join(chr(97 + number % 26) * (3 + number % 40) for _ in range(90))
        world.batch.files[f"count-{number}", "stderr.txt"] = f"{chr(97 + number // 26)} {words}\n".encode()
    world.enqueue(job_message(*tasks))
    await world.run_until_idle()
    assert 10 < len(world.record().failure_groups) <= 20
    assert size_of(world.record().failure_groups) <= 24 * 1024
    assert MAX_RECORD  # the store of the world refuses a larger one
    groups = await list_failures(world.ports, "job-1")
    assert len(groups.groups) + groups.others >= 100
