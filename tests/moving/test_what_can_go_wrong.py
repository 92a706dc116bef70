"""The tables "What can go wrong" of docs/moving quote what batchmgr and the nodes really say."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.moving.conftest import Clone
from tests.moving.story import PAGES
from tests.started_stack import started_stack

pytestmark = pytest.mark.clients

Json = dict[str, Any]


def command(line: str, **fields: Any) -> Json:
    """Return a job of one task."""
    return {"tasks": [{"id": "a", "commandLine": line, **fields}]}


def sweep(line: str, **fields: Any) -> Json:
    """Return a job of two tasks, made from the numbers 1 and 2."""
    numbers = {"t": {"start": 1, "end": 2}}
    return {
        "taskFactory": {
            "type": "parametricSweep",
            "parameters": numbers,
            "repeatTask": {"commandLine": line, **fields},
        }
    }


def contained(line: str, **options: Any) -> Json:
    """Return a job of one task in a container."""
    return command(line, containerSettings={"imageName": "localhost/gc:1.4", **options})


MISSING_FILE = {"containerName": "nothing", "sourceBlobPath": "here", "targetFilePath": "here"}
NO_ENTRYPOINT = {"containerRunOptions": "--entrypoint="}
ON_A_NODE = {"commandLine": "python3 -m legacy_weather job-manager"}
SMALL_POOL = {
    "vmSize": "Standard_D2s_v5",
    "image": {"publisher": "microsoft-dsvm", "offer": "ubuntu-hpc", "sku": "2204"},
    "nodeAgentSkuId": "batch.node.ubuntu 22.04",
    "targetDedicatedNodes": 2,
}
TWO_NODES = {"numberOfInstances": 2, "coordinationCommandLine": "true"}

WRONG: dict[tuple[str, str], Json] = {
    ("scripts", "exit code 127: /bin/bash: line 1: module: command not found"): command(
        "/bin/bash -c 'module load gcc'"
    ),
    ("scripts", "The specified command program is not found"): command("./percolation 1"),
    ("scripts", "One of the specified Azure Blob(s) was not found"): command(
        "true", inputFiles=[MISSING_FILE]
    ),
    ("scripts", "exit code 2: /bin/sh: 1: cd: can't cd to /home/ann/run"): command(
        "/bin/sh -c 'cd /home/ann/run'"
    ),
    ("scripts", "cannot access 'out.txt'"): command("ls . > out.txt"),
    ("scripts", "The task ran longer than its maxWallClockTime and was ended"): command(
        "sleep 60", maxWallClockTime="PT1S"
    ),
    ("scripts", "tasks 1 and 2 would write the same blob, 'a'"): sweep(
        "true {t}", outputFiles=[{"sourceFilePath": "a", "targetBlobPath": "a"}]
    ),
    ("scripts", "{t} is in quotes, where its value could become part of a script"): sweep(
        "/bin/sh -c './program {t}'"
    ),
    ("container", "Unable to find image 'localhost/gc:1.5' locally"): contained(
        "gc", imageName="localhost/gc:1.5"
    ),
    ("container", "executable file not found in $PATH"): contained("/opt/gc 1", **NO_ENTRYPOINT),
    (
        "mpi",
        "a multi-instance task needs an autoPool with enableInterNodeCommunication and one slot a node",
    ): (command("true", multiInstanceSettings=TWO_NODES) | {"autoPool": SMALL_POOL}),
    ("mpi", "mpirun: command not found"): command("/bin/bash -c 'PATH=/nowhere; mpirun'"),
    ("old-python", "there is no workload 'legacy_weather'"): {"workload": "legacy_weather"},
    ("old-python", "No module named legacy_weather"): {
        "workload": "legacy_weather",
        "jobManagerTask": ON_A_NODE,
    },
    ("old-python", "SyntaxError: Missing parentheses in call to 'print'"): command(
        "python3 easter.py 1 2",
        inputFiles=[
            {"containerName": "easter", "sourceBlobPath": "easter.py", "targetFilePath": "easter.py"}
        ],
    ),
    ("data-factory-custom-activity", "No such file or directory: 'activity.json'"): command(
        "python3 summarize.py",
        inputFiles=[
            {"containerName": "programs", "sourceBlobPath": "summarize.py", "targetFilePath": "summarize.py"}
        ],
    ),
}


class Stack:
    """A running stack of the clone, whose nodes have a stand-in for docker."""

    def __init__(self, clone: Clone, variables: dict[str, str]) -> None:
        self._clone = clone
        self._variables = variables

    def client(self, *arguments: str) -> str:
        """Run the client of the examples, and return what it says."""
        line = [".venv/bin/python", "examples/client.py", *arguments]
        done = subprocess.run(
            line,
            cwd=self._clone.directory,
            env=self._variables,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return done.stdout + done.stderr


@pytest.fixture(scope="module")
def stack(clone: Clone, docker: dict[str, str]) -> Iterator[Stack]:
    build = ["docker", "build", "-t", "localhost/gc:1.4", "examples/container"]
    subprocess.run(build, cwd=clone.directory, env=docker, check=True)
    with started_stack(".venv/bin/batchmgr start", clone.directory, docker) as addresses:
        started = Stack(
            clone,
            docker
            | {
                "BATCHMGR_URL": addresses["functions"],
                "AZURE_STORAGE_CONNECTION_STRING": addresses["connectionString"],
            },
        )
        started.client("upload", "easter", "examples/python2/easter.py")
        started.client("upload", "programs", "examples/custom_activity/summarize.py")
        yield started


@pytest.mark.parametrize(("page", "quoted"), WRONG)
def test_a_message_is_as_the_page_quotes_it(stack: Stack, tmp_path: Path, page: str, quoted: str) -> None:
    rows = [row for row in (PAGES / f"{page}.md").read_text().splitlines() if row.startswith("| `")]
    assert any(quoted in row for row in rows)
    message = tmp_path / "job.json"
    message.write_text(json.dumps(WRONG[page, quoted]))
    assert quoted in stack.client("run", str(message))


def test_a_job_whose_containers_keep_their_entrypoint_succeeds_all_the_same(
    stack: Stack, tmp_path: Path
) -> None:
    stack.client("upload", "genomes", "examples/container/genomes")
    genome = {"containerName": "genomes", "sourceBlobPath": "at_rich.fa", "targetFilePath": "at_rich.fa"}
    message = tmp_path / "job.json"
    job = command("at_rich.fa", containerSettings={"imageName": "localhost/gc:1.4"}, inputFiles=[genome])
    message.write_text(json.dumps(job))
    said = stack.client("run", str(message))
    assert "task.succeeded  a" in said
    assert "task.failed     FinalizeTask: exit code" in said
    assert said.rstrip().endswith("job.succeeded")
