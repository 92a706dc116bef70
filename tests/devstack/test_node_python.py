"""Which Python the local nodes have."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from batchmgr.devstack.node_python import node_path
from batchmgr.devstack.stack import StackOptions, running_stack
from batchmgr.errors import StackError

OURS = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}/usr/bin{os.pathsep}/bin"}


def imports(path: str, module: str, program: str = "python3") -> bool:
    found = shutil.which(program, path=path)
    assert found is not None
    command = [found, "-c", f"import {module}"]
    done = subprocess.run(command, cwd="/", env={"PATH": path}, capture_output=True, check=False)
    return done.returncode == 0


@pytest.mark.parametrize("program", ["python3", "python"])
def test_the_python_of_nodes_has_no_packages_unless_asked(tmp_path: Path, program: str) -> None:
    bare = node_path(tmp_path, python=None, environment=OURS)
    assert imports(bare, "json", program)
    assert not imports(bare, "batchmgr", program)
    assert not imports(bare, "yaml", program)
    asked = node_path(tmp_path, python=Path(sys.executable), environment=OURS)
    assert imports(asked, "yaml", program)


def test_programs_of_the_developers_environment_are_not_on_nodes_but_those_of_the_machine_are(
    tmp_path: Path,
) -> None:
    path = node_path(tmp_path, python=None, environment=OURS)
    assert shutil.which("pytest", path=path) is None
    assert shutil.which("sh", path=path) is not None


def test_the_python_of_nodes_is_made_again_in_a_directory_that_is_kept(tmp_path: Path) -> None:
    assert node_path(tmp_path, python=None, environment=OURS) == node_path(
        tmp_path, python=None, environment=OURS
    )


def test_a_program_that_is_no_interpreter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"missing is not a Python interpreter"):
        node_path(tmp_path, python=tmp_path / "missing", environment=OURS)


@pytest.mark.clients
async def test_a_task_that_needs_the_developers_packages_fails_on_the_local_stack_as_in_azure() -> None:
    task = {"id": "forgot", "commandLine": 'python3 -c "import batchmgr"'}
    async with running_stack(StackOptions()) as stack, aiohttp.ClientSession() as session:
        jobs = f"{stack.endpoints.functions}/api/jobs"
        async with session.post(jobs, data=json.dumps({"jobId": "forgot", "tasks": [task]})) as answer:
            assert answer.status == 202
        async with asyncio.timeout(60):
            while True:
                async with session.get(f"{jobs}/forgot/result") as answer:
                    if answer.status == 200:
                        outcome = await answer.json()
                        break
                await asyncio.sleep(0.1)
    assert outcome["state"] == "failed"
    assert "No module named 'batchmgr'" in json.dumps(outcome)
