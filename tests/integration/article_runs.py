"""The article's workload, run in the three places where it can run."""

import asyncio
import json
import os
import shlex
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from batchmgr.devstack.stack import Stack, running_stack
from tests.integration.client import Client
from tests.integration.messages import Json
from tests.integration.stack_options import stack_options
from tests.old_python import oldest_python

WORKLOAD = Path(__file__).parent / "article_workload"
APPLICATION = "example_workload"
FROM_PACKAGE = f'PYTHONPATH="$AZ_BATCH_APP_PACKAGE_{APPLICATION}"'


@dataclass(frozen=True, kw_only=True)
class Traces:
    """The results of a job: the blobs in its container, its events, and the body of its callback."""

    blobs: Mapping[str, bytes]
    events: list[dict[str, Any]]
    callback: Mapping[str, Any]


def build_application(directory: Path) -> Path:
    """Build the application package, as its author would."""
    command = [sys.executable, "-m", "batchmgr.cli", "package", "build", str(WORKLOAD), "--output", "dist"]
    subprocess.run(command, cwd=directory, check=True, capture_output=True)
    (archive,) = (directory / "dist").iterdir()
    return archive


def node_programs(directory: Path) -> str:
    """Return the PATH of a node. Its `python3` is Python 3.8 if it is installed, and has no site-packages."""
    directory.mkdir()
    python = directory / "python3"
    python.write_text(f'#!/bin/sh\nexec {shlex.quote(str(oldest_python() or sys.executable))} -S -s "$@"\n')
    python.chmod(0o755)
    return os.pathsep.join((str(directory), "/usr/bin", "/bin"))


@asynccontextmanager
async def stack_with(archive: Path, *, workload_in_function: bool) -> AsyncIterator[Stack]:
    """Start a stack with the application package. The function can import the workload, or can't."""
    options = stack_options(applications=(f"{APPLICATION}=1.0.0={archive},default",))
    async with AsyncExitStack() as resources:
        with pytest.MonkeyPatch.context() as environment:
            if workload_in_function:
                environment.setenv("PYTHONPATH", str(WORKLOAD), prepend=os.pathsep)
                environment.setenv(
                    "BATCHMGR_WORKLOADS", f"{APPLICATION}={APPLICATION}.workload:ExampleWorkload"
                )
            stack = await resources.enter_async_context(running_stack(options))
        yield stack


def job_manager(script: str = f"exec python3 -m {APPLICATION} job-manager", **fields: Any) -> Json:
    """Return a job manager task that runs the packaged workload. `script` must not contain single quotes."""
    return {
        "commandLine": f"/bin/sh -c '{FROM_PACKAGE}; export PYTHONPATH; {script}'",
        "applicationPackages": [{"applicationId": APPLICATION}],
        **fields,
    }


async def traces_of(client: Client, job_id: str, callback: Mapping[str, Any]) -> Traces:
    """Return the results of a job on a stack."""
    container = client.blobs.get_container_client(f"job-{job_id}")
    return Traces(
        blobs={blob: await client.read(job_id, blob) async for blob in container.list_blob_names()},
        events=await client.events(job_id),
        callback=callback,
    )


async def run_here(directory: Path, job_id: str, *arguments: str) -> Traces:
    """Run a job in one process, and return its results. Inputs are in `storage` below the directory."""
    where = ("--storage", "storage", "--directory", "run")
    code, said = await run_workload("local", "--job-id", job_id, *where, *arguments, directory=directory)
    assert code == 0, said
    run = directory / "run"
    folder = run / "storage" / f"job-{job_id}"
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return Traces(
        blobs={name: path.read_bytes() for name, path in files.items()},
        events=[json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()],
        callback=json.loads((run / "callback.json").read_text()),
    )


async def run_workload(*arguments: str, directory: Path | None = None) -> tuple[int | None, str]:
    """Run the workload's command line. Return its exit code and its output."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", APPLICATION, *arguments),
        cwd=directory,
        env=os.environ | {"PYTHONPATH": f"{WORKLOAD}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode()
