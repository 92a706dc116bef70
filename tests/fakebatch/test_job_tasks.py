"""The tasks that a job itself has: job manager task, job preparation task and job release task."""

from pathlib import Path
from typing import Any

import pytest
from azure.batch import models
from azure.batch.aio import BatchClient
from azure.core.exceptions import HttpResponseError

from tests.fakebatch.driving import (
    add_job,
    add_task,
    end_job,
    ended,
    job_in_state,
    shell,
    task_in_state,
    text_of,
    until,
)
from tests.fakebatch.raw_http import request

_WAIT_FOR_GO = "while ! test -e {0}/go; do sleep 0.01; done"


def _manager(command_line: str, **options: Any) -> models.BatchJobManagerTask:
    return models.BatchJobManagerTask(id="manager", command_line=command_line, **options)


def _preparation(command_line: str, **options: Any) -> models.BatchJobPreparationTask:
    return models.BatchJobPreparationTask(command_line=command_line, **options)


def _release(command_line: str, **options: Any) -> models.BatchJobReleaseTask:
    return models.BatchJobReleaseTask(command_line=command_line, **options)


async def _statuses(batch: BatchClient) -> list[models.BatchJobPreparationAndReleaseTaskStatus]:
    return [status async for status in batch.list_job_preparation_and_release_task_status("job")]


async def _reboot(batch: BatchClient, pool_id: str, operation: str = "reboot") -> None:
    [node] = [node async for node in batch.list_nodes(pool_id)]
    options: Any = {f"node{operation.capitalize()}Option": "requeue"}
    begin = batch.begin_reboot_node if operation == "reboot" else batch.begin_reimage_node
    await (await begin(pool_id, node.id, options, polling_interval=0)).result()


async def test_a_job_ends_with_its_manager(batch: BatchClient) -> None:
    await add_job(batch, job_manager_task=_manager("true"))
    job = await job_in_state(batch, "completed")
    assert job.execution_info is not None
    assert job.execution_info.termination_reason == "JMComplete"
    assert (await ended(batch, "manager")).exit_code == 0


async def test_the_end_of_a_manager_kills_what_still_runs(batch: BatchClient, tmp_path: Path) -> None:
    manager = _manager(shell(_WAIT_FOR_GO.format(tmp_path)), run_exclusive=False)
    await add_job(batch, job_manager_task=manager)
    await add_task(batch, "t", "sleep 600")
    await task_in_state(batch, "t", "running")
    (tmp_path / "go").touch()
    await job_in_state(batch, "completed")
    assert (await batch.get_task("job", "t")).state == "completed"


async def test_a_job_may_outlive_its_manager(batch: BatchClient) -> None:
    await add_job(batch, job_manager_task=_manager("true", kill_job_on_completion=False))
    await ended(batch, "manager")
    assert (await batch.get_job("job")).state == "active"


async def test_a_manager_has_its_node_for_itself_and_goes_first(batch: BatchClient, tmp_path: Path) -> None:
    constraints = models.BatchJobConstraints(max_task_retry_count=1)
    manager = _manager(shell(_WAIT_FOR_GO.format(tmp_path)), kill_job_on_completion=False)
    await add_job(batch, pool_id="later", job_manager_task=manager, constraints=constraints)
    await add_task(batch, "t")
    pool = models.BatchPoolCreateOptions(
        id="later", vm_size="small", target_dedicated_nodes=1, task_slots_per_node=4
    )
    await batch.create_pool(pool)
    task = await task_in_state(batch, "manager", "running")
    assert task.constraints is not None
    assert task.constraints.max_task_retry_count == 1
    assert (await batch.get_task("job", "t")).state == "active"
    (tmp_path / "go").touch()
    await ended(batch, "t")


async def test_a_manager_may_be_kept_from_spot_nodes(batch: BatchClient) -> None:
    pool = models.BatchPoolCreateOptions(id="spot", vm_size="small", target_low_priority_nodes=1)
    await batch.create_pool(pool)
    manager = _manager("true", allow_low_priority_node=False, kill_job_on_completion=False)
    await add_job(batch, pool_id="spot", job_manager_task=manager)
    await add_task(batch, "t")
    await ended(batch, "t")
    assert (await batch.get_task("job", "manager")).state == "active"


async def test_what_a_manager_has_besides_a_task_is_shown_only_on_the_job(
    batch: BatchClient, endpoint: str
) -> None:
    await add_job(batch, job_manager_task=_manager("true"))
    task = (await request(endpoint, "GET", "/jobs/job/tasks/manager")).json
    assert not {"killJobOnCompletion", "runExclusive", "allowLowPriorityNode"} & set(task)
    job = (await request(endpoint, "GET", "/jobs/job")).json
    assert job["jobManagerTask"]["killJobOnCompletion"] is True


async def test_a_node_is_prepared_once_before_the_first_task_of_a_job(batch: BatchClient) -> None:
    await add_job(batch, pool_id="one", job_preparation_task=_preparation(shell("echo made >> made")))
    for task_id in ("a", "b", "c"):
        await add_task(batch, task_id, shell("cat $AZ_BATCH_JOB_PREP_WORKING_DIR/made"))
    for task_id in ("a", "b", "c"):
        assert (await ended(batch, task_id)).exit_code == 0
        assert await text_of(batch, task_id) == "made\n"
    [status] = await _statuses(batch)
    info = status.job_preparation_task_execution_info
    assert info is not None
    assert (info.state, info.exit_code, info.retry_count, info.result) == ("completed", 0, 0, "success")
    assert info.task_root_directory == "workitems/job/job-1/jobpreparation"
    assert status.job_release_task_execution_info is None


async def test_a_task_is_in_preparation_until_its_node_is_ready(batch: BatchClient, tmp_path: Path) -> None:
    preparation = _preparation(shell(_WAIT_FOR_GO.format(tmp_path)))
    await add_job(batch, pool_id="one", job_preparation_task=preparation)
    await add_task(batch, "t")
    await task_in_state(batch, "t", "preparing")
    counts = (await batch.get_job_task_counts("job")).task_counts
    assert counts.running == 1
    (tmp_path / "go").touch()
    await ended(batch, "t")


async def test_a_node_that_cannot_be_prepared_takes_no_task_of_the_job(batch: BatchClient) -> None:
    constraints = models.BatchTaskConstraints(max_task_retry_count=1)
    await add_job(batch, pool_id="one", job_preparation_task=_preparation("false", constraints=constraints))
    await add_task(batch, "t")

    async def failed() -> bool:
        statuses = await _statuses(batch)
        infos = [status.job_preparation_task_execution_info for status in statuses]
        return [info.result for info in infos if info is not None] == ["failure"]

    await until(failed)
    [status] = await _statuses(batch)
    info = status.job_preparation_task_execution_info
    assert info is not None
    assert (info.retry_count, info.exit_code) == (1, 1)
    task = await task_in_state(batch, "t", "active")
    assert (task.execution_info and task.execution_info.requeue_count) == 0
    await add_job(batch, "other", pool_id="one")
    await add_task(batch, "t", job_id="other")
    assert (await ended(batch, "t", "other")).exit_code == 0
    await _reboot(batch, "one", "reimage")
    # After a reimage the node is a new machine, so it is tried again.
    await until(lambda: _prepared_after(batch, info.start_time))


async def _prepared_after(batch: BatchClient, time: Any) -> bool:
    [status] = await _statuses(batch)
    info = status.job_preparation_task_execution_info
    return info is not None and info.start_time > time


async def test_a_preparation_that_is_not_waited_for_may_fail(batch: BatchClient) -> None:
    await add_job(batch, job_preparation_task=_preparation("false", wait_for_success=False))
    await add_task(batch, "t")
    assert (await ended(batch, "t")).exit_code == 0


@pytest.mark.parametrize(("again", "times"), [(True, 2), (False, 1)])
async def test_a_rebooted_node_is_prepared_again_if_the_job_wants_it(
    batch: BatchClient, again: bool, times: int
) -> None:
    preparation = _preparation(shell("echo made >> made"), rerun_on_node_reboot_after_success=again)
    await add_job(batch, pool_id="one", job_preparation_task=preparation)
    await add_task(batch, "before")
    await ended(batch, "before")
    await _reboot(batch, "one")
    await add_task(batch, "after", shell("cat $AZ_BATCH_JOB_PREP_WORKING_DIR/made"))
    await ended(batch, "after")
    assert await text_of(batch, "after") == "made\n" * times


@pytest.mark.parametrize("end", ["terminate", "delete"])
async def test_nodes_are_released_at_the_end_of_the_job(batch: BatchClient, tmp_path: Path, end: str) -> None:
    release = _release(shell(f"cat $AZ_BATCH_JOB_PREP_WORKING_DIR/made > {tmp_path}/released"))
    await add_job(
        batch,
        pool_id="one",
        job_preparation_task=_preparation(shell("echo made > made")),
        job_release_task=release,
    )
    await add_task(batch, "t")
    await ended(batch, "t")
    if end == "delete":
        await (await batch.begin_delete_job("job", polling_interval=0)).result()
    else:
        await end_job(batch, "enough")
        await job_in_state(batch, "completed")
        [status] = await _statuses(batch)
        info = status.job_release_task_execution_info
        assert info is not None
        assert (info.state, info.exit_code, info.result) == ("completed", 0, "success")
    assert (tmp_path / "released").read_text() == "made\n"


async def test_a_job_is_over_only_when_its_nodes_are_released(batch: BatchClient, tmp_path: Path) -> None:
    await add_job(
        batch,
        pool_id="one",
        job_preparation_task=_preparation("true"),
        job_release_task=_release(shell(_WAIT_FOR_GO.format(tmp_path))),
    )
    await add_task(batch, "t")
    await ended(batch, "t")
    await end_job(batch, "enough")

    async def releasing() -> bool:
        [status] = await _statuses(batch)
        return status.job_release_task_execution_info is not None

    await until(releasing)
    assert (await batch.get_job("job")).state == "terminating"
    [node] = [node async for node in batch.list_nodes("one")]
    assert node.running_tasks_count == 0
    (tmp_path / "go").touch()
    await job_in_state(batch, "completed")


async def test_a_job_that_ran_nothing_releases_nothing(batch: BatchClient) -> None:
    await add_job(batch, job_preparation_task=_preparation("true"), job_release_task=_release("true"))
    await end_job(batch, "enough")
    await job_in_state(batch, "completed")
    assert await _statuses(batch) == []


async def test_a_job_without_preparation_has_no_status_of_it(batch: BatchClient) -> None:
    await add_job(batch)
    with pytest.raises(HttpResponseError, match="JobPreparationTaskOrReleaseTaskNotSpecified"):
        await _statuses(batch)


async def test_no_task_has_the_id_of_the_preparation(batch: BatchClient) -> None:
    await add_job(batch, job_preparation_task=_preparation("true"), job_release_task=_release("true"))
    with pytest.raises(HttpResponseError, match="TaskIdSameAsJobPreparationTask"):
        await add_task(batch, "JobPreparation")
    with pytest.raises(HttpResponseError, match="TaskIdSameAsJobReleaseTask"):
        await add_task(batch, "jobrelease")


async def test_the_environment_of_a_job_is_that_of_all_its_tasks(batch: BatchClient, tmp_path: Path) -> None:
    settings = [models.EnvironmentSetting(name="SHARED", value="yes")]
    report = "echo $SHARED $AZ_BATCH_JOB_ID $AZ_BATCH_TASK_ID >> {0}/{1}"
    await add_job(
        batch,
        pool_id="one",
        common_environment_settings=settings,
        job_preparation_task=_preparation(shell(report.format(tmp_path, "prepared"))),
        job_release_task=_release(shell(report.format(tmp_path, "released"))),
    )
    await add_task(batch, "t")
    await ended(batch, "t")
    await end_job(batch, "enough")
    await job_in_state(batch, "completed")
    assert (tmp_path / "prepared").read_text() == "yes job jobpreparation\n"
    assert (tmp_path / "released").read_text() == "yes job jobrelease\n"
