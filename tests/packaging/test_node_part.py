"""An application package runs with Python alone, without any installed package."""

import ast
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from batchmgr.packaging.build_package import build_package
from batchmgr.packaging.node_part import node_part
from batchmgr.packaging.read_project import read_project
from batchmgr.packaging.reproducible_archive import EARLIEST
from tests.old_python import oldest_python
from tests.packaging.sample import write_sample

ROOT = Path(__file__).parents[2]
INPUTS = '{"letter": "a", "text": "banana"}'


def python_of_nodes(version: str) -> str:
    if version == "this":
        return sys.executable
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    if project["requires-python"] != ">=3.8":
        pytest.skip(f"batchmgr needs Python {project['requires-python']}")
    oldest = oldest_python()
    if oldest is None:
        pytest.skip("there is no Python 3.8 here")
    return str(oldest)


@pytest.fixture
def unpacked(tmp_path: Path) -> Path:
    """An application package, unpacked as on a node."""
    package = build_package(
        read_project(write_sample(tmp_path)), tmp_path / "out", time=EARLIEST, vendor=False
    )
    with zipfile.ZipFile(package.archive) as archive:
        archive.extractall(tmp_path / "node")
    return tmp_path / "node"


@pytest.mark.parametrize("version", ["this", "3.8"])
def test_a_task_runs_from_the_package_alone(unpacked: Path, tmp_path: Path, version: str) -> None:
    # -S: without any site-packages.
    command = [python_of_nodes(version), "-S", "-B", "-m", "letter_count"]
    environment = {"PYTHONPATH": str(unpacked), "BATCHMGR_TASK_INPUTS": INPUTS}
    for arguments, printed in ((["task", "LetterTask"], "a 3\n"), (["finalize"], "")):
        done = subprocess.run(
            [*command, *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, printed, "")


@pytest.mark.parametrize("version", ["this", "3.8"])
def test_every_module_of_the_node_part_needs_only_the_standard_library(unpacked: Path, version: str) -> None:
    modules = [path.removesuffix(".py").replace("/", ".").removesuffix(".__init__") for path in node_part()]
    script = f"import sys; sys.path.insert(0, {str(unpacked)!r})\n"
    script += "".join(f"import {module}\n" for module in modules)
    command = [python_of_nodes(version), "-I", "-S", "-B", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_whatever_the_node_part_imports_of_batchmgr_is_in_it() -> None:
    files = node_part()
    missing = {
        f"{path} imports {module}"
        for path, file in files.items()
        for module in imported(file)
        if f"{module.replace('.', '/')}.py" not in files
        and f"{module.replace('.', '/')}/__init__.py" not in files
    }
    assert missing == set(), "move them to plan/ or workload/"


def test_a_version_is_there_for_those_who_ask(unpacked: Path) -> None:
    script = "from importlib.metadata import version; print(version('letter-count'), version('batchmgr'))"
    command = [sys.executable, "-S", "-B", "-c", script]
    done = subprocess.run(
        command, env={"PYTHONPATH": str(unpacked)}, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.startswith("1.2.3 ")


def imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "batchmgr":
            yield str(node.module)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.split(".")[0] == "batchmgr")
