"""What `pip install batchmgr` installs, and what runs then with nothing else."""

import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from batchmgr.packaging.node_part import node_part
from batchmgr.packaging.own_wheel import write_own_wheel

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    script = f"from poetry.core.masonry.api import build_wheel; build_wheel({str(folder)!r})"
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def empty_environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that has the wheel and nothing else."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    install = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install"]
    options = ["--quiet", "--no-deps", "--no-index", "--disable-pip-version-check"]
    subprocess.run([*install, *options, str(wheel)], check=True, capture_output=True)
    return folder / "bin"


def run(environment: Path, *command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """A command in the empty environment."""
    program = str(environment / command[0])
    return subprocess.run(
        [program, *command[1:]], cwd=cwd, env={}, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_wheel_is_typed_and_has_the_packages_the_node_part_the_template_and_no_tests(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert "batchmgr/py.typed" in names
    assert node_part().keys() <= names
    assert "batchmgr/packaging/template/my_workload/__main__.py" in names
    packages = {name.partition("/")[0] for name in names if ".dist-info/" not in name}
    assert packages == {"batchmgr", "fakebatch", "fakeidentity", "functions_host"}


def contents(wheel: Path) -> dict[str, bytes]:
    """The files of a wheel. Its own description of itself is left out."""
    with zipfile.ZipFile(wheel) as archive:
        return {
            name: archive.read(name)
            for name in archive.namelist()
            if not name.endswith((".dist-info/RECORD", ".dist-info/WHEEL", "/licenses/LICENSE"))
        }


def test_the_wheel_that_init_writes_is_the_one_that_is_released(wheel: Path, tmp_path: Path) -> None:
    own, released = contents(write_own_wheel(tmp_path)), contents(wheel)
    assert own.keys() == released.keys()
    # The metadata of a source tree is as old as its installation.
    assert [name for name in own if own[name] != released[name] and not name.endswith("/METADATA")] == []
    assert write_own_wheel(tmp_path / "again").read_bytes() == write_own_wheel(tmp_path).read_bytes()


@pytest.mark.clients
def test_the_source_distribution_gives_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    build = "from poetry.core.masonry.api import build_{0}; build_{0}({1!r})"
    script = build.format("sdist", str(tmp_path))
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True)
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as sources:
        sources.extractall(tmp_path, filter="data")
    (tree,) = (entry for entry in tmp_path.iterdir() if entry.is_dir())
    script = build.format("wheel", str(tmp_path))
    subprocess.run([sys.executable, "-c", script], cwd=tree, check=True, capture_output=True)
    (rebuilt,) = tmp_path.glob("*.whl")
    assert contents(rebuilt) == contents(wheel)


@pytest.mark.parametrize(
    "command",
    [
        ("batchmgr", "--help"),
        ("python", "-m", "fakebatch", "--help"),
        ("python", "-m", "functions_host", "--help"),
    ],
    ids=" ".join,
)
def test_the_commands_explain_themselves(
    empty_environment: Path, tmp_path: Path, command: tuple[str, ...]
) -> None:
    done = run(empty_environment, *command, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: ")


@pytest.mark.parametrize(
    ("package", "extra"), [("fakebatch", "fakebatch"), ("functions_host", "functions-host")]
)
def test_an_emulator_without_its_extra_says_what_to_install(
    empty_environment: Path, tmp_path: Path, package: str, extra: str
) -> None:
    done = run(empty_environment, "python", "-m", package, cwd=tmp_path)
    assert done.returncode == 1
    assert f"pip install 'batchmgr[{extra}]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_workload_of_the_readme_is_planned_and_runs_its_task(
    empty_environment: Path, tmp_path: Path
) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    (tmp_path / "greet.py").write_text(next(block for block in blocks if "class GreetWorkload" in block))
    inputs = '{"names": ["Ada", "Grace"]}'
    planned = run(empty_environment, "python", "greet.py", "plan", "--inputs", inputs, cwd=tmp_path)
    assert (planned.returncode, planned.stderr) == (0, "")
    assert "2 tasks and a FinalizeTask" in planned.stdout
    local = run(empty_environment, "python", "greet.py", "local", "--inputs", inputs, cwd=tmp_path)
    assert local.returncode == 2
    assert "pip install 'batchmgr[app,local]'" in local.stderr
