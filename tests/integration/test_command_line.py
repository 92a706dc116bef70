"""The commands that call an app, as processes beside a running stack."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from batchmgr.client import AsyncClient, NotFoundError
from batchmgr.devstack.stack import Stack
from tests.integration.messages import gated, job, task


class CommandLine:
    """Runs commands that call the stack."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self._environment = {
            **os.environ,
            "BATCHMGR_URL": stack.endpoints.functions,
            "XDG_CONFIG_HOME": str(folder),
            **({"SSL_CERT_FILE": stack.endpoints.identity.trusted} if stack.endpoints.identity else {}),
        }

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "batchmgr.cli",
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self._environment,
        )

    async def run(self, *arguments: str, code: int = 0) -> str:
        process = await self.start(*arguments)
        out, said = await process.communicate()
        assert process.returncode == code, out.decode() + said.decode()
        return out.decode()

    async def json(self, *arguments: str, code: int = 0) -> Any:
        return json.loads(await self.run(*arguments, "-o", "json", code=code))


@pytest.fixture
def command(stack: Stack, tmp_path: Path) -> CommandLine:
    return CommandLine(stack, tmp_path)


def written(tmp_path: Path, message: object) -> str:
    file = tmp_path / "job.json"
    file.write_text(json.dumps(message))
    return str(file)


async def test_a_job_is_sent_followed_run_again_and_deleted(
    command: CommandLine, job_id: str, tmp_path: Path
) -> None:
    mended = tmp_path / "mended"
    tasks = (task("fails", f"test -e {mended} || {{ echo oh no >&2; exit 3; }}"), task("works"))
    file = written(tmp_path, job(job_id, *tasks, metadata={"user": "ada"}))
    outcome = await command.json("submit", file, "--wait", code=104)
    assert (outcome["state"], outcome["counts"]["failed"]) == ("partial", 1)
    assert await command.run("submit", file, "-o", "name") == f"{job_id}\n"

    status = await command.run("status", job_id)
    assert status.startswith(f"{job_id}  partial\n")
    assert "exit code 3: oh no" in status
    assert (await command.json("status", job_id))["metadata"] == {"user": "ada"}
    assert job_id in await command.run("list", "-o", "name", "--limit", "500")
    shown = {task["taskId"]: task for task in await command.json("tasks", job_id)}
    assert shown["fails"]["exitCode"] == 3
    events = (await command.run("events", job_id, "-f", "-o", "jsonl")).splitlines()
    assert json.loads(events[0])["type"] == "batchmgr.job.queued"
    assert json.loads(events[-1])["type"] == "batchmgr.job.partial"
    lines = (await command.run("watch", job_id, code=104)).splitlines()
    assert "partial  3 of 3 tasks, 1 failed" in lines[-1]

    mended.touch()
    again = (await command.run("rerun", job_id, "-o", "name", "--wait")).strip()
    assert again == f"{job_id}-rerun-1"
    assert "conflict" not in await command.run("wait", again)
    await command.run("purge", again, "-y")
    await command.run("status", again, code=102)


async def test_a_job_that_runs_is_watched_and_cancelled(
    command: CommandLine, job_id: str, tmp_path: Path
) -> None:
    file = written(tmp_path, job(job_id, gated("long", tmp_path / "never")))
    assert job_id in await command.run("submit", file)
    await command.run("wait", job_id, "--timeout", "1", code=101)
    watching = await command.start("watch", job_id)
    assert watching.stdout is not None
    while b"running" not in await watching.stdout.readline():
        assert watching.returncode is None
    assert "would cancel" in await command.run("cancel", job_id, "--dry-run")
    await command.run("cancel", job_id, "-y")
    assert await watching.wait() == 103
    await watching.communicate()


async def test_a_job_that_is_wrong_is_told_of(command: CommandLine, job_id: str, tmp_path: Path) -> None:
    file = written(tmp_path, {"jobId": job_id, "tasks": [{"id": "a"}]})
    process = await command.start("submit", file)
    out, said = await process.communicate()
    assert (process.returncode, out) == (1, b"")
    assert b"batchmgr submit: tasks[0]" in said
    await command.run("redrive", job_id, code=102)
    assert await command.json("dead-letters", "--limit", "1") is not None


async def test_the_client_for_async_sends_and_follows_a_job(stack: Stack, job_id: str) -> None:
    if stack.endpoints.identity is not None:
        pytest.skip("its certificate is trusted by a variable of a process")
    async with AsyncClient(stack.endpoints.functions) as client:
        accepted = await client.submit({"tasks": [task("only")]}, idempotency_key=job_id)
        assert (
            await client.submit({"tasks": [task("only")]}, idempotency_key=job_id)
        ).job_id == accepted.job_id
        states = [job.state async for job in client.watch(accepted.job_id)]
        assert states[-1] == "succeeded"
        types = [event.type async for event in client.events(accepted.job_id, follow=True)]
        assert types[-1] == "batchmgr.job.succeeded"
        assert [task.word async for task in client.tasks(accepted.job_id, state="completed")] == [
            "succeeded"
        ] * 2
        await client.purge(accepted.job_id)
        with pytest.raises(NotFoundError):
            await client.job(accepted.job_id)
