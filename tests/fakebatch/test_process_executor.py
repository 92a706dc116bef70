"""Tasks as processes: how they start, what they see, how they end."""

import os
from pathlib import Path

import pytest
from azure.batch import models
from azure.batch.aio import BatchClient
from azure.core.exceptions import HttpResponseError

from tests.fakebatch.driving import (
    add_job,
    add_task,
    all_dead,
    end_job,
    ended,
    failure_code,
    file_exists,
    is_alive,
    job_in_state,
    shell,
    task_in_state,
    text_of,
    until,
)
from tests.fakebatch.raw_http import request

# Has three descendants, one detached from its parent and one in a process group of its own; tells their ids.
_FAMILY = (
    "sleep 600 & (sleep 600 & echo $! > ids); echo $! >> ids; "
    "timeout 600 sleep 600 & echo $! >> ids; mv ids family; wait"
)


async def _start_family(batch: BatchClient, script: str = _FAMILY) -> list[int]:
    await add_task(batch, "family", shell(script))
    await task_in_state(batch, "family", "running")
    await until(lambda: file_exists(batch, "family", "wd/family"))
    pids = [int(line) for line in (await text_of(batch, "family", "wd/family")).split()]
    assert all(map(is_alive, pids))
    return pids


async def _exited(batch: BatchClient, code: int) -> bool:
    return (await ended(batch, "t")).exit_code == code


def _find(root: Path, pattern: str) -> list[Path]:
    return list(root.rglob(pattern))


async def test_a_command_line_has_no_shell(batch: BatchClient) -> None:
    await add_job(batch)
    await add_task(batch, "plain", "echo $HOME '*' && true > out")
    assert (await ended(batch, "plain")).exit_code == 0
    assert await text_of(batch, "plain") == "$HOME * && true > out\n"


async def test_a_program_that_does_not_exist_leaves_no_exit_code(batch: BatchClient) -> None:
    await add_job(batch)
    await add_task(
        batch, "t", "no-such-program --flag", constraints=models.BatchTaskConstraints(max_task_retry_count=3)
    )
    info = await ended(batch, "t")
    assert info.failure_info is not None
    assert (info.failure_info.code, info.exit_code, info.retry_count) == ("CommandProgramNotFound", None, 0)
    assert info.result == "failure"


@pytest.mark.parametrize("line", ["echo 'unclosed", "   ", "/", "echo \0"])
async def test_a_command_line_that_cannot_start_fails_the_task(batch: BatchClient, line: str) -> None:
    await add_job(batch)
    await add_task(batch, "t", line)
    assert await failure_code(batch, "t") in ("CommandLaunchFailed", "CommandProgramNotFound")


async def test_a_variable_that_no_process_can_have_fails_the_task(batch: BatchClient) -> None:
    await add_job(batch)
    settings = [models.EnvironmentSetting(name="A=B", value="c")]
    await add_task(batch, "t", environment_settings=settings)
    assert await failure_code(batch, "t") == "CommandLaunchFailed"


async def test_a_program_in_the_working_directory_is_found_by_its_path(
    batch: BatchClient, tmp_path: Path
) -> None:
    await add_job(batch, pool_id="one")
    await add_task(batch, "t", "./run")
    assert await failure_code(batch, "t") == "CommandProgramNotFound"
    [directory] = _find(tmp_path, "job-1/t/wd")
    program = directory / "run"
    program.write_text("#!/bin/sh\necho mine\n")
    program.chmod(0o700)
    await batch.reactivate_task("job", "t")
    await until(lambda: _exited(batch, 0))
    assert await text_of(batch, "t") == "mine\n"


async def test_the_environment_holds_what_the_service_sets_and_no_more(
    batch: BatchClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORAGE_SECRET", "s3cret")
    settings = [
        models.EnvironmentSetting(name=name, value=value) for name, value in (("A", "job"), ("B", "job"))
    ]
    await add_job(batch, common_environment_settings=settings)
    mine = [models.EnvironmentSetting(name="B", value="task")]
    await add_task(batch, "Env", "env", environment_settings=mine)
    await ended(batch, "Env")
    lines = (await text_of(batch, "Env")).splitlines()
    seen = dict(line.split("=", 1) for line in lines)
    assert (seen["A"], seen["B"]) == ("job", "task")
    assert seen["AZ_BATCH_TASK_ID"] == "Env"
    assert seen["AZ_BATCH_JOB_ID"] == "job"
    assert seen["AZ_BATCH_POOL_ID"] == "hpc"
    assert seen["HOME"] == seen["AZ_BATCH_TASK_WORKING_DIR"] == f"{seen['AZ_BATCH_TASK_DIR']}/wd"
    assert seen["AZ_BATCH_TASK_DIR"] == f"{seen['AZ_BATCH_NODE_ROOT_DIR']}/workitems/job/job-1/Env"
    assert seen["PATH"] == os.environ["PATH"]
    # The last identifies processes for the watchdog.
    trust = {"SSL_CERT_FILE", "AZURE_POD_IDENTITY_AUTHORITY_HOST"}
    assert set(seen) <= trust | {"A", "B", "HOME", "PATH", "LANG", "TMPDIR", "FAKEBATCH_INSTANCE"} | {
        n for n in seen if n.startswith("AZ_BATCH_")
    }


async def test_transitions_on_the_node_leave_the_entity_tag_alone(batch: BatchClient) -> None:
    await add_job(batch)
    await add_task(batch, "t", shell("exit 7"))
    task = await task_in_state(batch, "t")
    assert task.last_modified == task.creation_time
    assert task.state_transition_time > task.creation_time
    assert task.previous_state == "running"
    assert task.node_info is not None
    assert task.node_info.task_root_directory == "workitems/job/job-1/t"
    assert task.execution_info is not None
    assert task.execution_info.exit_code == 7


async def test_a_task_is_retried_as_often_as_its_job_allows(batch: BatchClient) -> None:
    await add_job(batch, pool_id="one", constraints=models.BatchJobConstraints(max_task_retry_count=2))
    await add_task(batch, "never", shell("echo run >> runs; exit 1"))
    await add_task(batch, "third", shell("echo run >> runs; test $(wc -l < runs) -eq 3"))
    once = models.BatchTaskConstraints(max_task_retry_count=0)
    await add_task(batch, "once", "false", constraints=once)
    never, third, first = [await ended(batch, name) for name in ("never", "third", "once")]
    assert (never.exit_code, never.retry_count) == (1, 2)
    assert never.last_retry_time == never.start_time
    assert (third.exit_code, third.retry_count, third.failure_info) == (0, 2, None)
    assert (first.retry_count, first.last_retry_time) == (0, None)


async def test_a_task_without_limit_of_retries_runs_until_it_succeeds(batch: BatchClient) -> None:
    await add_job(batch, pool_id="one")
    endless = models.BatchTaskConstraints(max_task_retry_count=-1)
    await add_task(batch, "t", shell("echo run >> runs; test $(wc -l < runs) -eq 9"), constraints=endless)
    assert (await ended(batch, "t")).retry_count == 8


async def test_a_task_that_exceeds_its_time_is_killed_with_its_descendants(batch: BatchClient) -> None:
    await add_job(batch)
    limit = {"maxWallClockTime": "PT1S", "maxTaskRetryCount": 3}
    task = models.BatchTaskCreateOptions(
        {"id": "family", "commandLine": shell(_FAMILY), "constraints": limit}
    )
    await batch.create_task("job", task)
    await until(lambda: _has_started(batch))
    pids = [int(line) for line in (await text_of(batch, "family", "wd/family")).split()]
    info = await ended(batch, "family")
    assert info.failure_info is not None
    assert (info.failure_info.code, info.retry_count) == ("TaskEnded", 0)
    await all_dead(pids)


async def _has_started(batch: BatchClient) -> bool:
    try:
        return await file_exists(batch, "family", "wd/family")
    except HttpResponseError:
        return False


async def test_ending_a_task_kills_its_descendants(batch: BatchClient) -> None:
    await add_job(batch)
    pids = await _start_family(batch)
    await batch.terminate_task("job", "family")
    task = await batch.get_task("job", "family")
    assert task.state == "completed"
    assert task.last_modified > task.creation_time
    assert await failure_code(batch, "family") == "TaskEnded"
    await all_dead(pids)


async def test_what_a_task_leaves_running_dies_with_it(batch: BatchClient) -> None:
    await add_job(batch)
    await add_task(batch, "t", shell("sleep 600 & echo $!"))
    assert (await ended(batch, "t")).exit_code == 0
    await all_dead([int(await text_of(batch, "t"))])


async def test_ending_a_job_kills_its_tasks_and_leaves_waiting_ones_active(batch: BatchClient) -> None:
    await add_job(batch, max_parallel_tasks=1)
    pids = await _start_family(batch)
    await add_task(batch, "waiting")
    await end_job(batch, "enough")
    await job_in_state(batch, "completed")
    await all_dead(pids)
    assert await failure_code(batch, "family") == "TaskEnded"
    assert (await batch.get_task("job", "waiting")).state == "active"
    with pytest.raises(HttpResponseError, match="JobCompleted"):
        await add_task(batch, "late")


async def test_a_deleted_task_is_gone_with_its_files(batch: BatchClient, tmp_path: Path) -> None:
    await add_job(batch)
    pids = await _start_family(batch)
    assert _find(tmp_path, "job-1/family/stdout.txt")
    await batch.delete_task("job", "family")
    await all_dead(pids)
    assert [task.id async for task in batch.list_tasks("job")] == []
    assert _find(tmp_path, "job-1/family") == []


async def test_a_failed_task_can_be_made_to_run_again(batch: BatchClient) -> None:
    await add_job(batch, pool_id="one")
    await add_task(batch, "t", shell("test -e ran || { touch ran; exit 1; }"))
    assert (await ended(batch, "t")).exit_code == 1
    await batch.reactivate_task("job", "t")
    await until(lambda: _exited(batch, 0))
    with pytest.raises(HttpResponseError, match="TaskSucceeded"):
        await batch.reactivate_task("job", "t")
    with pytest.raises(HttpResponseError, match="TaskCompleted"):
        await batch.terminate_task("job", "t")


async def test_signals_become_exit_codes_above_128(batch: BatchClient) -> None:
    await add_job(batch)
    await add_task(batch, "t", shell("kill -TERM $$"))
    assert (await ended(batch, "t")).exit_code == 143


@pytest.mark.parametrize(
    ("span", "status", "shown"),
    [
        ("bytes=0-2", 200, b"012"),
        ("bytes=7-", 200, b"789"),
        ("bytes=8-99", 200, b"89"),
        ("bytes=10-", 416, None),
        ("lines=0-2", 400, None),
    ],
)
async def test_a_part_of_a_file_is_read_with_status_200(
    batch: BatchClient, endpoint: str, span: str, status: int, shown: bytes | None
) -> None:
    await add_job(batch)
    await add_task(batch, "t", "printf 0123456789")
    await ended(batch, "t")
    path, header = "/jobs/job/tasks/t/files/stdout.txt", {"ocp-range": span}
    reply = await request(endpoint, "GET", path, headers=header)
    assert reply.status == status
    assert shown is None or reply.body == shown


async def test_no_path_leaves_the_directory_of_the_task(batch: BatchClient, endpoint: str) -> None:
    await add_job(batch)
    for task_id in ("other", "t"):
        await add_task(batch, task_id, "ln -s /etc/passwd out")
        await ended(batch, task_id)
    for path in ("..%2Fother%2Fstdout.txt", "wd%2F..%2F..%2F..%2Fjob-1", "wd%2Fout"):
        reply = await request(endpoint, "GET", f"/jobs/job/tasks/t/files/{path}")
        assert (reply.status, reply.code) == (404, "FileNotFound")


async def test_files_of_a_task_that_has_not_run_are_not_available(batch: BatchClient, endpoint: str) -> None:
    await add_job(batch, pool_id="later")
    await add_task(batch, "t")
    reply = await request(endpoint, "GET", "/jobs/job/tasks/t/files/stdout.txt")
    assert (reply.status, reply.code) == (409, "OperationInvalidForCurrentState")
