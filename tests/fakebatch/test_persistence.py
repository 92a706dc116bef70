"""The state directory: what survives the process of the fake Azure Batch."""

import asyncio
import json
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from azure.batch import models
from azure.batch.aio import BatchClient

from fakebatch.engine import Engine
from fakebatch.errors import JournalError, StateInUseError
from fakebatch.model.pool_entity import PoolEntity
from fakebatch.model.task_entity import TaskEntity
from fakebatch.persistence import journal
from fakebatch.persistence.journal_lines import FORMAT
from fakebatch.persistence.journal_reader import restore
from fakebatch.persistence.json_codec import decode, encode
from fakebatch.persistence.state_directory import open_state
from fakebatch.store import Store
from fakebatch.testing import FakeBatchProcess
from tests.fakebatch.driving import (
    add_job,
    add_task,
    all_dead,
    credential,
    end_job,
    ended,
    file_exists,
    job_in_state,
    shell,
    task_in_state,
    text_of,
    until,
)
from tests.fakebatch.raw_http import request


@contextmanager
def _process(state: Path, *arguments: str) -> Iterator[FakeBatchProcess]:
    with FakeBatchProcess("--state", str(state), "--pool", "hpc=1x2", *arguments) as service:
        yield service


@asynccontextmanager
async def _client(process: FakeBatchProcess) -> AsyncIterator[BatchClient]:
    async with BatchClient(process.endpoint, credential()) as batch:
        yield batch


async def _seen(process: FakeBatchProcess, *paths: str) -> list[Any]:
    return [(await request(process.endpoint, "GET", path)).json for path in paths]


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_pools_jobs_and_tasks_are_as_they_were(tmp_path: Path, end: str) -> None:
    with _process(tmp_path) as process:
        async with _client(process) as batch:
            await add_job(batch, priority=5, metadata=[models.BatchMetadataItem(name="a", value="ü")])
            await add_task(batch, "good", "echo kept")
            await add_task(batch, "bad", "false")
            await ended(batch, "good")
            await ended(batch, "bad")
            await add_job(batch, "over", pool_id="none")
            await end_job(batch, "enough", "over")
            await job_in_state(batch, "completed", "over")
            await add_job(batch, "gone", pool_id="none")
            await (await batch.begin_delete_job("gone", polling_interval=0)).result()
        paths = ("/jobs", "/jobs/job/tasks", "/jobs/job/taskcounts")
        before = await _seen(process, *paths)
        getattr(process, end)()
        process.start()
        assert await _seen(process, *paths) == before
        async with _client(process) as batch:
            assert await text_of(batch, "good") == "kept\n"
            await add_task(batch, "more")
            await ended(batch, "more")


async def test_a_running_task_is_killed_queued_again_and_runs(tmp_path: Path) -> None:
    with _process(tmp_path) as process:
        async with _client(process) as batch:
            await add_job(batch)
            await add_task(batch, "t", shell("sleep 600 & echo $$ $! > pids.new; mv pids.new pids; wait"))
            await add_task(batch, "waits", "true")
            await until(lambda: file_exists(batch, "t", "wd/pids"))
            pids = [int(pid) for pid in (await text_of(batch, "t", "wd/pids")).split()]
        process.kill()
        process.start()
        await all_dead(pids)
        async with _client(process) as batch:
            assert (await task_in_state(batch, "t", "running")).execution_info
            info = (await batch.get_task("job", "t")).execution_info
            assert info is not None
            assert (info.requeue_count, info.retry_count) == (1, 0)
            await ended(batch, "waits")


async def test_dependents_of_a_task_that_is_gone_still_run(tmp_path: Path) -> None:
    with _process(tmp_path) as process:
        async with _client(process) as batch:
            await add_job(batch, uses_task_dependencies=True)
            await add_task(batch, "first")
            await ended(batch, "first")
            await batch.delete_task("job", "first")
            process.kill()
            process.start()
            await add_task(batch, "next", depends_on=models.BatchTaskDependencies(task_ids=["first"]))
            await ended(batch, "next")


async def test_a_job_schedule_and_a_pool_go_on(tmp_path: Path) -> None:
    body = {
        "id": "s",
        "schedule": {},
        "jobSpecification": {"poolInfo": {"poolId": "none"}},
    }
    with _process(tmp_path) as process:
        assert (await request(process.endpoint, "POST", "/jobschedules", body)).status == 201
        pool = {"id": "mine", "vmSize": "small", "targetDedicatedNodes": 2}
        assert (await request(process.endpoint, "POST", "/pools", pool)).status == 201
        paths = ("/jobschedules/s", "/jobschedules/s/jobs")
        before = await _seen(process, *paths)
        process.kill()
        process.start()
        assert await _seen(process, *paths) == before

        async def has_its_nodes() -> bool:
            [shown] = await _seen(process, "/pools/mine")
            return bool(shown["currentDedicatedNodes"] == 2 and shown["allocationState"] == "steady")

        await until(has_its_nodes)


async def _add_until_killed(process: FakeBatchProcess, accepted: list[str], wave: int) -> None:
    """Add collections of tasks until the process is gone; note the ids that were accepted."""
    for number in range(10_000):
        ids = [f"w{wave}-{number}-{index}" for index in range(20)]
        body = {"value": [{"id": task_id, "commandLine": "true"} for task_id in ids]}
        try:
            reply = await request(process.endpoint, "POST", "/jobs/job/addtaskcollection", body)
        except (OSError, aiohttp.ClientError):
            return
        accepted += [result["taskId"] for result in reply.json["value"] if result["status"] == "Success"]


async def test_nothing_accepted_is_lost_when_it_is_killed_at_any_moment(tmp_path: Path) -> None:
    accepted: list[str] = []
    moments = random.Random(7)
    with _process(tmp_path, "--executor", "simulated", "--simulate", "duration=50ms speed=1") as process:
        async with _client(process) as batch:
            await add_job(batch)
        for wave in range(4):
            adding = asyncio.create_task(_add_until_killed(process, accepted, wave))
            await asyncio.sleep(moments.uniform(0.05, 0.5))
            process.kill()
            await adding
            process.start()
            async with _client(process) as batch:
                found = {task.id async for task in batch.list_tasks("job", select=["id"])}
            assert set(accepted) <= found
            [counts] = await _seen(process, "/jobs/job/taskcounts")
            shown = counts["taskCounts"]
            assert shown["active"] + shown["running"] + shown["completed"] == len(found)
    assert len(accepted) > 100


def _spec(task_id: str) -> dict[str, Any]:
    return {
        "id": task_id,
        "commandLine": "true",
        "requiredSlots": 1,
        "constraints": {"maxTaskRetryCount": 0, "maxWallClockTime": "PT1H", "retentionTime": "P7D"},
    }


_JOB = {
    "id": "job",
    "priority": 0,
    "maxParallelTasks": -1,
    "poolInfo": {"poolId": "none"},
    "constraints": {"maxWallClockTime": "P10675199DT2H48M5.4775807S", "maxTaskRetryCount": 0},
    "onAllTasksComplete": "noaction",
    "onTaskFailure": "noaction",
}


class _Idle:
    """An executor that is never asked to run anything."""

    async def remove_files(self, job_id: str, task_id: str | None = None) -> None:
        pass

    async def close(self) -> None:
        pass


def _reread(directory: Path) -> Store:
    store = Store()
    restore(directory, store)
    return store


async def test_a_journal_that_grew_is_compacted_while_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "_SMALLEST_COMPACTION", 100_000)
    monkeypatch.setattr(journal, "_COPIED_AT_ONCE", 10)
    store, largest = Store(), 0
    files: set[int] = set()
    engine = Engine(store, _Idle())  # type: ignore[arg-type]
    with open_state(store, tmp_path, tmp_path / "nodes") as log:
        record = engine.add_job(_JOB)
        for round_number in range(60):
            for index in range(20):
                engine.add_task(record, _spec(f"t{round_number}-{index}"))
            await engine.delete_task(record, record.tasks[f"t{round_number}-0"])
            for task in list(record.tasks):
                if task.number % 7 == round_number % 7:
                    await engine.end_task(record, record.tasks[task.id]) if task.state == "active" else None
            log.flush()
            status = (tmp_path / journal.NAME).stat()
            largest, files = max(largest, status.st_size), files | {status.st_ino}
            # A crash at any moment finds a journal that tells everything.
            if round_number % 4 == 0:
                assert len(_reread(tmp_path).jobs["job"].tasks) == len(record.tasks)
    assert len(files) > 1
    assert largest < 1_000_000
    again = _reread(tmp_path).jobs["job"]
    assert [(t.id, t.state, t.number, dict(t.spec)) for t in again.tasks] == [
        (t.id, t.state, t.number, dict(t.spec)) for t in sorted(record.tasks, key=lambda task: task.number)
    ]
    await engine.stop()


def test_a_line_cut_short_is_not_counted_and_a_damaged_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / journal.NAME
    beginning = f'["format",{FORMAT}]\n'
    for whole in ("", beginning):
        path.write_text(whole + '["schedule","s",')
        assert len(_reread(tmp_path).schedules) == 0
    path.write_text(beginning + '["nonsense"]\n')
    with pytest.raises(JournalError, match="line 2"):
        _reread(tmp_path)


@pytest.mark.parametrize("first", ['["format",999]', '["pool","p",{}]'])
def test_a_journal_of_another_format_is_refused_with_what_to_do(tmp_path: Path, first: str) -> None:
    (tmp_path / journal.NAME).write_text(first + "\n")
    with pytest.raises(JournalError, match=r"start over\.$"):
        _reread(tmp_path)
    command = [sys.executable, "-m", "fakebatch", "--port", "0", "--state", str(tmp_path)]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert refused.returncode == 1
    [message] = refused.stderr.splitlines()
    assert message.endswith("Use the version that wrote it, or move the directory away to start over.")


async def test_a_directory_serves_one_process(tmp_path: Path) -> None:
    with (
        open_state(Store(), tmp_path, tmp_path / "nodes"),
        pytest.raises(StateInUseError),
        open_state(Store(), tmp_path, tmp_path / "nodes"),
    ):
        pass


def test_values_are_read_as_they_were_written() -> None:
    times = {"created_at": 1, "last_modified": 2, "state_since": 3}
    shown = json.loads(
        json.dumps(
            encode(decode(PoolEntity, {"id": "p", "spec": {"a": [1]}, **times, "allocation_since": 4}))
        )
    )
    assert shown == {"id": "p", "spec": {"a": [1]}, **times, "allocation_since": 4}
    failed = {
        "id": "t",
        "number": 1,
        "spec": {},
        **times,
        "state": "completed",
        "failure": {"code": "C", "message": "m", "details": [["a", "b"]]},
        "placement": {"pool_id": "p", "node_id": "n"},
    }
    task = decode(TaskEntity, failed)
    assert task.failure is not None
    assert task.failure.details == (("a", "b"),)
    assert encode(task) == failed
