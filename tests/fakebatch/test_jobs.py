"""Jobs: when they end by themselves, how they are stopped, and the order in which their tasks run."""

from datetime import timedelta
from itertools import pairwise

import pytest
from azure.batch import models
from azure.batch.aio import BatchClient
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from tests.fakebatch.driving import (
    add_job,
    add_task,
    end_job,
    ended,
    failure_code,
    job_in_state,
    shell,
    task_in_state,
    text_of,
    until,
)

_TERMINATE = models.BatchJobUpdateOptions(all_tasks_complete_mode="terminatejob")
_DISABLE = models.ExitConditions(default=models.ExitOptions(job_action="disable"))


async def _reason(batch: BatchClient) -> str | None:
    job = await job_in_state(batch, "completed")
    assert job.execution_info is not None
    return job.execution_info.termination_reason


async def test_a_job_ends_with_its_last_task(batch: BatchClient) -> None:
    await add_job(batch)
    await add_task(batch, "a", "false")
    await add_task(batch, "b", shell("while ! test -e go; do sleep 0.01; done"))
    await batch.update_job("job", _TERMINATE)
    await ended(batch, "a")
    assert (await batch.get_job("job")).state == "active"
    await batch.terminate_task("job", "b")
    assert await _reason(batch) == "AllTasksComplete"


async def test_a_job_whose_tasks_are_all_complete_ends_when_it_is_asked_to(batch: BatchClient) -> None:
    await add_job(batch)
    await add_task(batch, "a")
    await ended(batch, "a")
    await batch.update_job("job", _TERMINATE)
    assert await _reason(batch) == "AllTasksComplete"


async def test_a_job_without_tasks_counts_as_complete_but_not_at_once(batch: BatchClient) -> None:
    await add_job(batch, all_tasks_complete_mode="terminatejob")
    assert (await batch.get_job("job")).state == "active"
    assert await _reason(batch) == "AllTasksComplete"


async def test_a_job_ends_at_its_time_limit_with_what_runs(batch: BatchClient) -> None:
    await add_job(batch)
    await add_task(batch, "endless", "sleep 600")
    await task_in_state(batch, "endless", "running")
    limit = models.BatchJobConstraints(max_wall_clock_time=timedelta(seconds=0.5))
    await batch.update_job("job", models.BatchJobUpdateOptions(constraints=limit))
    assert await _reason(batch) == "MaxWallClockTimeExpiry"
    assert await failure_code(batch, "endless") == "TaskEnded"


async def test_a_failed_task_ends_a_job_that_reacts_to_failures(batch: BatchClient) -> None:
    await add_job(batch, task_failure_mode="performexitoptionsjobaction")
    await add_task(batch, "a", "false")
    assert await _reason(batch) == "TaskFailed"


async def test_a_failed_task_disables_its_job_when_its_exit_conditions_say_so(batch: BatchClient) -> None:
    await add_job(batch, task_failure_mode="performexitoptionsjobaction")
    await add_task(batch, "a", "false", exit_conditions=_DISABLE)
    await job_in_state(batch, "disabled")
    await add_task(batch, "b")
    assert (await batch.get_task("job", "b")).state == "active"
    await batch.begin_enable_job("job", polling_interval=0)
    assert (await ended(batch, "b")).exit_code == 0


async def test_a_failed_task_means_nothing_to_a_job_by_default(batch: BatchClient) -> None:
    await add_job(batch)
    await add_task(batch, "a", "false")
    await ended(batch, "a")
    assert (await batch.get_job("job")).state == "active"


@pytest.mark.parametrize(("mode", "state"), [("requeue", "active"), ("terminate", "completed")])
async def test_disabling_a_job_stops_what_runs(batch: BatchClient, mode: str, state: str) -> None:
    await add_job(batch)
    await add_task(batch, "t", "sleep 600")
    await task_in_state(batch, "t", "running")
    options = models.BatchJobDisableOptions(disable_tasks=mode)
    await (await batch.begin_disable_job("job", options, polling_interval=0)).result()
    task = await batch.get_task("job", "t")
    assert task.state == state
    assert task.execution_info is not None
    assert task.execution_info.requeue_count == (1 if mode == "requeue" else 0)


async def test_disabling_a_job_may_wait_for_what_runs(batch: BatchClient) -> None:
    await add_job(batch)
    await add_task(batch, "t", shell("sleep 0.3; echo done"))
    await task_in_state(batch, "t", "running")
    options = models.BatchJobDisableOptions(disable_tasks="wait")
    await (await batch.begin_disable_job("job", options, polling_interval=0)).result()
    assert await text_of(batch, "t") == "done\n"


async def test_a_job_that_completed_while_disabled_ends_when_it_is_enabled(batch: BatchClient) -> None:
    await add_job(batch)
    await add_task(batch, "t", "sleep 600")
    await task_in_state(batch, "t", "running")
    await batch.update_job("job", _TERMINATE)
    options = models.BatchJobDisableOptions(disable_tasks="terminate")
    await (await batch.begin_disable_job("job", options, polling_interval=0)).result()
    assert (await batch.get_job("job")).state == "disabled"
    await batch.begin_enable_job("job", polling_interval=0)
    assert await _reason(batch) == "AllTasksComplete"


async def test_a_deleted_job_is_gone_and_its_id_free(batch: BatchClient) -> None:
    await add_job(batch)
    await add_task(batch, "t", "sleep 600")
    await task_in_state(batch, "t", "running")
    await (await batch.begin_delete_job("job", polling_interval=0)).result()
    with pytest.raises(ResourceNotFoundError):
        await batch.get_task("job", "t")
    await add_job(batch)
    await add_task(batch, "t", shell("ls"))
    await ended(batch, "t")
    assert await text_of(batch, "t") == ""


async def test_a_job_that_is_over_takes_no_changes(batch: BatchClient) -> None:
    await add_job(batch)
    await end_job(batch, "enough")
    await job_in_state(batch, "completed")
    with pytest.raises(HttpResponseError, match="JobCompleted"):
        await end_job(batch, "again")
    with pytest.raises(HttpResponseError, match="JobCompleted"):
        await batch.update_job("job", _TERMINATE)


async def test_the_counts_of_a_job_follow_its_tasks_and_their_slots(batch: BatchClient) -> None:
    await add_job(batch)
    await add_task(batch, "good", required_slots=2)
    await add_task(batch, "bad", "false")
    await ended(batch, "good")
    await ended(batch, "bad")
    await add_task(batch, "runs", "sleep 600", required_slots=2)
    await add_task(batch, "waits", required_slots=3)
    await task_in_state(batch, "runs", "running")
    counts = (await batch.get_job_task_counts("job")).as_dict()
    expected = {"active": 1, "running": 1, "completed": 2, "succeeded": 1, "failed": 1}
    slots = {"active": 3, "running": 2, "completed": 3, "succeeded": 2, "failed": 1}
    assert (counts["taskCounts"], counts["taskSlotCounts"]) == (expected, slots)
    await batch.delete_task("job", "waits")
    await batch.delete_task("job", "good")
    counts = (await batch.get_job_task_counts("job")).as_dict()
    assert counts["taskCounts"] == {"active": 0, "running": 1, "completed": 1, "succeeded": 0, "failed": 1}


async def test_the_more_urgent_job_goes_first_and_then_the_older_task(batch: BatchClient) -> None:
    for job_id, priority in (("low", -5), ("high", 5)):
        await add_job(batch, job_id, pool_id="later", priority=priority)
        for task_id in ("b", "a"):
            await add_task(batch, task_id, job_id=job_id)
    pool = models.BatchPoolCreateOptions(id="later", vm_size="small", target_dedicated_nodes=1)
    await batch.create_pool(pool)
    starts = {
        f"{job_id}/{task_id}": (await ended(batch, task_id, job_id)).start_time
        for job_id in ("low", "high")
        for task_id in ("a", "b")
    }
    assert sorted(starts, key=lambda name: str(starts[name])) == ["high/b", "high/a", "low/b", "low/a"]


async def test_a_job_runs_no_more_tasks_at_once_than_it_may(batch: BatchClient) -> None:
    await add_job(batch, max_parallel_tasks=1)
    for number in range(3):
        await add_task(batch, f"t{number}", shell("sleep 0.05"))
    times = [await ended(batch, f"t{number}") for number in range(3)]
    for earlier, later in pairwise(times):
        assert earlier.end_time is not None
        assert later.start_time is not None
        assert later.start_time >= earlier.end_time


async def test_a_small_task_passes_a_large_one_that_does_not_fit(batch: BatchClient) -> None:
    await add_job(batch)
    for number in range(2):
        await add_task(batch, f"blocker{number}", "sleep 600")
    await task_in_state(batch, "blocker1", "running")
    await add_task(batch, "large", required_slots=2)
    await add_task(batch, "small")
    await ended(batch, "small")
    assert (await batch.get_task("job", "large")).state == "active"
    await batch.terminate_task("job", "blocker0")
    await ended(batch, "large")


async def test_a_job_waits_for_its_pool(batch: BatchClient) -> None:
    await add_job(batch, pool_id="later")
    await add_task(batch, "t")
    pool = models.BatchPoolCreateOptions(id="later", vm_size="small", target_dedicated_nodes=1)
    await batch.create_pool(pool)

    async def ran() -> bool:
        return (await batch.get_task("job", "t")).state == "completed"

    await until(ran)
