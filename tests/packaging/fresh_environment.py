"""An environment of a user who has all libraries at hand, and batchmgr neither installed nor on an index."""

import os
import re
import shutil
import subprocess
import sysconfig
import zipfile
from collections.abc import Mapping, Sequence
from importlib.metadata import distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = re.compile(r"(batchmgr|genome_kmers|heat_rod|mandelbrot_tiles|pip|setuptools|__pycache__)\b")
"""What is not offered: batchmgr, its examples, and what each environment has of its own."""


def fresh_variables(directory: Path) -> dict[str, str]:
    """Return the environment variables of this user. Files that they name are written below `directory`.

    Libraries are on PYTHONPATH, where pip finds them installed. There is no package index; what builds
    packages is in a folder that pip looks in.
    """
    libraries, index = directory / "libraries", directory / "index"
    libraries.mkdir()
    index.mkdir()
    for place in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for entry in Path(place).iterdir():
            if not OURS.match(entry.name) and entry.suffix != ".pth":
                (libraries / entry.name).symlink_to(entry)
    _offer_wheel_of_installed("poetry-core", index)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST"))}
    path = os.pathsep.join(
        entry
        for entry in os.environ["PATH"].split(os.pathsep)
        if not (Path(entry).parent / "pyvenv.cfg").is_file()
    )
    return kept | {
        "PATH": path,
        "PYTHONPATH": str(libraries),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(index),
    }


def run_script(
    commands: Sequence[str], *, directory: Path, variables: Mapping[str, str], seconds: int = 180
) -> str:
    """Run commands in one shell until one fails. Return their output."""
    done = subprocess.run(
        ["sh", "-ec", "\n".join(commands)],
        cwd=directory,
        env=variables,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def copy_tracked_files(target: Path) -> None:
    """Copy the files of this checkout, as a clone has them, without the tests."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("this is not a git checkout")
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file() and not name.startswith("tests/"):
            copy = target / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy)


def _offer_wheel_of_installed(name: str, directory: Path) -> None:
    """Rebuild the wheel of an installed package in pure Python."""
    installed = distribution(name)
    file_name = f"{name.replace('-', '_')}-{installed.version}-py3-none-any.whl"
    with zipfile.ZipFile(directory / file_name, "w") as wheel:
        for file in installed.files or ():
            if ".." not in file.parts and file.suffix != ".pyc":
                wheel.write(str(file.locate()), file.as_posix())
