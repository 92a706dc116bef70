"""Simulated tasks and their clock."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from azure.batch import models
from azure.batch.aio import BatchClient
from azure.core.exceptions import HttpResponseError

from fakebatch.server import Options, serving
from fakebatch.simulation import simulation_plan
from fakebatch.testing import FakeBatchProcess
from tests.fakebatch.driving import (
    add_job,
    add_task,
    credential,
    ended,
    failure_code,
    job_in_state,
    text_of,
    until,
)

_POOL: dict[str, object] = {
    "id": "hpc",
    "vmSize": "small",
    "targetDedicatedNodes": 4,
    "taskSlotsPerNode": 4,
}


@asynccontextmanager
async def _simulated(line: str, root: Path) -> AsyncIterator[BatchClient]:
    async with (
        serving(Options(root=root, pools=(_POOL,), simulation=simulation_plan.parse_plan(line))) as endpoint,
        BatchClient(endpoint, credential()) as batch,
    ):
        yield batch


async def _all_completed(batch: BatchClient, count: int) -> models.BatchTaskCounts:
    async def done() -> bool:
        return (await batch.get_job_task_counts("job")).task_counts.completed == count

    await until(done)
    return (await batch.get_job_task_counts("job")).task_counts


async def _lasted(batch: BatchClient, task_id: str) -> float:
    info = await ended(batch, task_id)
    assert info.start_time is not None
    assert info.end_time is not None
    return (info.end_time - info.start_time).total_seconds()


def _settings(**variables: str) -> list[models.EnvironmentSetting]:
    return [models.EnvironmentSetting(name=name, value=value) for name, value in variables.items()]


async def test_hours_pass_in_a_moment(tmp_path: Path) -> None:
    started = time.monotonic()
    async with _simulated("duration=2h", tmp_path) as batch:
        # All of them are there before the first can start: time goes on as soon as all that could start did.
        await add_job(batch, pool_id="later")
        await asyncio.gather(*(add_task(batch, f"t{number}") for number in range(40)))
        pool = models.BatchPoolCreateOptions(
            id="later", vm_size="small", target_dedicated_nodes=4, task_slots_per_node=4
        )
        await batch.create_pool(pool)
        await _all_completed(batch, 40)
        times = [task.execution_info async for task in batch.list_tasks("job")]
    first = min(info.start_time for info in times if info and info.start_time)
    last = max(info.end_time for info in times if info and info.end_time)
    # Sixteen slots: three rounds of two hours.
    assert 6 * 3600 <= (last - first).total_seconds() < 6 * 3600 + 60
    assert time.monotonic() - started < 60


async def test_a_task_or_its_job_may_say_how_long_it_lasts_and_how_it_exits(tmp_path: Path) -> None:
    async with _simulated("duration=1s", tmp_path) as batch:
        await add_job(batch, common_environment_settings=_settings(FAKEBATCH_DURATION="1m"))
        await add_task(batch, "as-the-job-says")
        settings = _settings(FAKEBATCH_DURATION="1.5h", FAKEBATCH_EXIT_CODE="7")
        await add_task(batch, "as-it-says", environment_settings=settings)
        await add_task(batch, "senseless", environment_settings=_settings(FAKEBATCH_DURATION="soon"))
        assert await _lasted(batch, "as-the-job-says") == pytest.approx(60, abs=1)
        assert await _lasted(batch, "as-it-says") == pytest.approx(5400, abs=1)
        assert (await ended(batch, "as-it-says")).exit_code == 7
        assert await failure_code(batch, "senseless") == "CommandLaunchFailed"


async def test_a_task_ends_at_its_time_limit(tmp_path: Path) -> None:
    async with _simulated("duration=3h", tmp_path) as batch:
        await add_job(batch)
        limit = models.BatchTaskConstraints(max_wall_clock_time=timedelta(hours=1))
        await add_task(batch, "t", constraints=limit)
        assert await _lasted(batch, "t") == pytest.approx(3600, abs=1)
        assert await failure_code(batch, "t") == "TaskEnded"


async def test_a_running_task_is_terminated(tmp_path: Path) -> None:
    async with _simulated("duration=1h speed=1", tmp_path) as batch:
        await add_job(batch)
        await add_task(batch, "t")
        await batch.terminate_task("job", "t")
        assert await failure_code(batch, "t") == "TaskEnded"


async def _failed(seed: int, root: Path) -> list[str]:
    async with _simulated(f"duration=exponential(1m) failure=0.3 seed={seed}", root) as batch:
        await add_job(batch)
        await asyncio.gather(*(add_task(batch, f"t{number:02}") for number in range(60)))
        await _all_completed(batch, 60)
        return [task.id async for task in batch.list_tasks("job", filter="executionInfo/exitCode ne 0")]


async def test_the_same_seed_fails_the_same_tasks(tmp_path: Path) -> None:
    first, again, other = [await _failed(seed, tmp_path) for seed in (7, 7, 8)]
    assert first == again
    assert first != other
    assert 5 < len(first) < 40


async def test_a_failed_task_may_succeed_when_it_is_run_again(tmp_path: Path) -> None:
    async with _simulated("failure=0.5 seed=1", tmp_path) as batch:
        constraints = models.BatchTaskConstraints(max_task_retry_count=20)
        await add_job(batch)
        await asyncio.gather(*(add_task(batch, f"t{n}", constraints=constraints) for n in range(20)))
        assert (await _all_completed(batch, 20)).succeeded == 20
        retries = [task.execution_info async for task in batch.list_tasks("job")]
        assert sum(info.retry_count for info in retries if info is not None) > 0


@pytest.mark.parametrize(
    ("text", "middle"),
    [
        ("2s", 2.0),
        ("uniform(1s,3s)", 2.0),
        ("exponential(2s)", 2 * 0.693),
        ("lognormal(2s,1.5)", 2.0),
        ("samples(1s,2s,9s)", 2.0),
    ],
)
def test_durations_are_drawn_from_a_distribution(text: str, middle: float) -> None:
    draw, random = simulation_plan.parse_plan(f"duration={text}").duration, Random(1)
    drawn = sorted(draw(random) for _ in range(2001))
    assert drawn[1000] == pytest.approx(middle, rel=0.15)


def test_units_of_durations() -> None:
    assert [simulation_plan.seconds(text) for text in ("250ms", "2s", "1.5m", "1h")] == [0.25, 2, 90, 3600]


@pytest.mark.parametrize(
    "line",
    [
        "duration=2",
        "boot=2",
        "eviction=-1",
        "duration=samples()",
        "duration=normal(1s,2s)",
        "failure=2",
        "speed=0",
        "speed=nan",
        "color=red",
        "fast",
    ],
)
def test_a_plan_that_is_not_understood_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        simulation_plan.parse_plan(line)


async def test_a_factor_makes_the_clock_run_faster(tmp_path: Path) -> None:
    started = time.monotonic()
    async with _simulated("duration=20s speed=100", tmp_path) as batch:
        await add_job(batch)
        await add_task(batch, "t")
        assert await _lasted(batch, "t") == pytest.approx(20, abs=10)
    assert time.monotonic() - started > 0.2


def test_parts_of_a_plan_come_in_any_order() -> None:
    parts = ("duration=2s", "failure=0.01", "seed=7", "speed=50")
    plans = [simulation_plan.parse_plan(" ".join(order)) for order in itertools.permutations(parts)]
    assert {(read.failure, read.seed, read.speed) for read in plans} == {(0.01, 7, 50.0)}


async def test_a_task_has_empty_output(tmp_path: Path) -> None:
    async with _simulated("duration=1s", tmp_path) as batch:
        await add_job(batch)
        await add_task(batch, "t")
        await ended(batch, "t")
        files = {file.name async for file in batch.list_task_files("job", "t")}
        assert files == {"stderr.txt", "stdout.txt", "wd"}
        assert await text_of(batch, "t") == ""


async def test_a_job_ends_at_its_time_limit(tmp_path: Path) -> None:
    async with _simulated("duration=3h", tmp_path) as batch:
        limit = models.BatchJobConstraints(max_wall_clock_time=timedelta(hours=1))
        await add_job(batch, constraints=limit)
        await add_task(batch, "t")
        await job_in_state(batch, "completed")
        info = (await batch.get_job("job")).execution_info
        assert info is not None
        assert info.termination_reason == "MaxWallClockTimeExpiry"
        assert await _lasted(batch, "t") == pytest.approx(3600, abs=2)


async def test_what_is_killed_ends_before_time_goes_on(tmp_path: Path) -> None:
    async with _simulated("duration=3h", tmp_path) as batch:
        limit = models.BatchJobConstraints(max_wall_clock_time=timedelta(hours=1))
        for job_id, options in (("job", {"constraints": limit}), ("other", {})):
            await add_job(batch, job_id, pool_id="later", **options)
        await add_task(batch, "t")
        short = _settings(FAKEBATCH_DURATION="7m")
        tasks = [
            models.BatchTaskCreateOptions(id=f"t{n}", command_line="true", environment_settings=short)
            for n in range(100)
        ]
        await batch.create_tasks("other", tasks)
        pool = models.BatchPoolCreateOptions(
            id="later", vm_size="small", target_dedicated_nodes=1, task_slots_per_node=4
        )
        await batch.create_pool(pool)
        assert await _lasted(batch, "t") == pytest.approx(3600, abs=2)


async def test_files_are_kept_for_as_long_as_asked_on_the_clock_of_the_simulation(tmp_path: Path) -> None:
    async with _simulated("duration=1s", tmp_path) as batch:
        await add_job(batch)
        kept = models.BatchTaskConstraints(retention_time=timedelta(hours=1))
        await add_task(batch, "short", constraints=kept)
        await ended(batch, "short")
        assert await text_of(batch, "short") == ""
        await add_task(batch, "long", environment_settings=_settings(FAKEBATCH_DURATION="2h"))
        await ended(batch, "long")

        async def gone() -> bool:
            try:
                await text_of(batch, "short")
            except HttpResponseError as error:
                return error.status_code == 409
            return False

        await until(gone)


async def test_a_day_of_a_job_schedule_passes_in_a_moment(tmp_path: Path) -> None:
    async with _simulated("duration=10m", tmp_path) as batch:
        manager = models.BatchJobManagerTask(id="manager", command_line="true")
        schedule = models.BatchJobScheduleCreateOptions(
            id="hourly",
            schedule=models.BatchJobScheduleConfiguration(
                recurrence_interval=timedelta(hours=1),
                do_not_run_after=datetime.now(UTC) + timedelta(hours=24),
            ),
            job_specification=models.BatchJobSpecification(
                pool_info=models.BatchPoolInfo(pool_id="hpc"), job_manager_task=manager
            ),
        )
        await batch.create_job_schedule(schedule)

        async def over() -> bool:
            return (await batch.get_job_schedule("hourly")).state == "completed"

        await until(over)
        starts = [job.creation_time async for job in batch.list_jobs_from_schedule("hourly")]
    assert len(starts) == 24
    gaps = [later - earlier for earlier, later in itertools.pairwise(sorted(filter(None, starts)))]
    assert all(gap == pytest.approx(timedelta(hours=1), abs=timedelta(seconds=5)) for gap in gaps)


async def test_a_pool_scales_itself_on_the_clock_of_the_simulation(tmp_path: Path) -> None:
    async with _simulated("duration=1h", tmp_path) as batch:
        formula = "$TargetDedicatedNodes = min(2, $PendingTasks.GetSample(1));"
        pool = models.BatchPoolCreateOptions(
            id="scaled", vm_size="small", enable_auto_scale=True, auto_scale_formula=formula
        )
        await batch.create_pool(pool)
        await add_job(batch, pool_id="scaled")
        await asyncio.gather(*(add_task(batch, f"t{number}") for number in range(4)))
        await _all_completed(batch, 4)


async def test_time_does_not_run_away_while_nothing_is_awaited(tmp_path: Path) -> None:
    async with _simulated("duration=1h", tmp_path) as batch:
        schedule = models.BatchJobScheduleCreateOptions(
            id="endless",
            schedule=models.BatchJobScheduleConfiguration(recurrence_interval=timedelta(hours=1)),
            job_specification=models.BatchJobSpecification(pool_info=models.BatchPoolInfo(pool_id="hpc")),
        )
        await batch.create_job_schedule(schedule)
        await add_job(batch)
        await add_task(batch, "t")
        await ended(batch, "t")
        jobs = [job.creation_time async for job in batch.list_jobs()]
    # An hour for the task, and no more.
    latest = max(filter(None, jobs))
    assert latest - datetime.now(UTC) < timedelta(hours=1, minutes=1)


async def _preempted_once(root: Path, plan: str) -> tuple[float, int | None]:
    """Return how long the last run of a task took that lost its node half-way, and its number of requeues."""
    pool = {**_POOL, "id": "spot", "targetDedicatedNodes": 0, "targetLowPriorityNodes": 1}
    with FakeBatchProcess("--executor", "simulated", "--simulate", plan, "--root", str(root)) as fake:
        async with BatchClient(fake.endpoint, credential()) as batch:
            await batch.create_pool(models.BatchPoolCreateOptions(pool))
            await add_job(batch, pool_id="spot")
            await add_task(batch, "t")

            async def runs() -> bool:
                return (await batch.get_task("job", "t")).state == "running"

            await until(runs)
            await asyncio.to_thread(fake.faults.preempt, "spot")
            await asyncio.to_thread(fake.faults.restore, "spot")
            info = await ended(batch, "t")
            return await _lasted(batch, "t"), info.requeue_count


async def test_a_run_that_lost_its_node_lasts_as_long_when_it_runs_again(tmp_path: Path) -> None:
    drawn, seed = simulation_plan.parse_plan("duration=uniform(1s,4s)").duration, 5
    expected = drawn(Random(f"{seed}/job/t/1"))
    lasted, requeues = await _preempted_once(tmp_path, f"duration=uniform(1s,4s) seed={seed} speed=2")
    assert requeues == 1
    assert lasted == pytest.approx(expected, abs=0.5)


async def test_a_task_may_give_a_distribution_for_its_duration(tmp_path: Path) -> None:
    async with _simulated("duration=1s", tmp_path) as batch:
        await add_job(batch)
        await add_task(batch, "t", environment_settings=_settings(FAKEBATCH_DURATION="samples(10m,10m)"))
        assert await _lasted(batch, "t") == pytest.approx(600, abs=1)


async def test_machines_boots_and_starts_of_tasks_take_time(tmp_path: Path) -> None:
    async with _simulated("duration=1m resize=2m boot=4m scheduling=3s", tmp_path) as batch:
        pool = models.BatchPoolCreateOptions(id="slow", vm_size="small", target_dedicated_nodes=1)
        await batch.create_pool(pool)
        await add_job(batch, pool_id="slow")
        await add_task(batch, "t")
        info = await ended(batch, "t")
        created = (await batch.get_pool("slow")).creation_time
        assert created is not None
        assert info.start_time is not None
        assert (info.start_time - created).total_seconds() == pytest.approx(2 * 60 + 4 * 60 + 3, abs=2)
        assert await _lasted(batch, "t") == pytest.approx(60, abs=1)


async def test_spot_nodes_are_preempted_at_random(tmp_path: Path) -> None:
    async with _simulated("duration=1h eviction=1 seed=3", tmp_path) as batch:
        pool = models.BatchPoolCreateOptions(id="spot", vm_size="small", target_low_priority_nodes=4)
        await batch.create_pool(pool)
        await add_job(batch, pool_id="spot")
        await asyncio.gather(*(add_task(batch, f"t{number}") for number in range(12)))
        await _all_completed(batch, 12)
        infos = [task.execution_info async for task in batch.list_tasks("job")]
    assert sum(info.requeue_count for info in infos if info is not None) > 0
