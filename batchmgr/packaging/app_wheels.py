"""Puts workloads into a Functions app as wheels, which its build installs from the app's own folder."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from batchmgr.errors import PackageError
from batchmgr.packaging.own_wheel import write_own_wheel

REQUIREMENTS = "requirements.txt"
FOLDER = "wheels"


def add_to_app(project: Path, app: Path) -> tuple[str, ...]:
    """Build the workload's wheel, put it and that of batchmgr into the app, and return their requirements.

    The wheels go to the folder `wheels` of the app, and a line for each to its requirements.txt. Older
    versions of them are replaced. The paths are relative, so that they hold where the app is built: here, or
    in Azure. Raises `PackageError`.
    """
    requirements = app / REQUIREMENTS
    for needed in (app / "host.json", requirements):
        if not needed.is_file():
            raise PackageError(f"{needed} does not exist; --app takes the folder of the Functions app")
    try:
        with TemporaryDirectory() as directory:
            built = (write_own_wheel(Path(directory)), _build_wheel(project, Path(directory) / "workload"))
            lines = requirements.read_text(encoding="utf-8").splitlines()
            for wheel in built:
                lines = _replaced(lines, wheel)
                _put(wheel, app / FOLDER)
        requirements.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    except OSError as error:
        raise PackageError(f"{error.filename}: {error.strerror}") from error
    return tuple(_requirement(wheel) for wheel in built)


def _build_wheel(project: Path, target: Path) -> Path:
    if not (project / "pyproject.toml").is_file():
        raise PackageError(
            f"{project / 'pyproject.toml'} does not exist; pass a workload package's directory"
        )
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-input", "--disable-pip-version-check"]
    command += ["--no-deps", "--wheel-dir", str(target), str(project.absolute())]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if "error" in line.lower()]
        reason = " ".join(errors) or done.stderr.strip()
        raise PackageError(f"pip cannot build a wheel of {project}: {reason}")
    (wheel,) = target.glob("*.whl")
    return wheel


def _requirement(wheel: Path) -> str:
    return f"./{FOLDER}/{wheel.name}"


def _replaced(lines: list[str], wheel: Path) -> list[str]:
    """Return the lines with this wheel, and with no other version of it."""
    any_version = re.compile(re.escape(f"./{FOLDER}/{_distribution(wheel)}-") + r"[^/]*\.whl")
    return [*(line for line in lines if not any_version.match(line)), _requirement(wheel)]


def _put(wheel: Path, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for older in folder.glob(f"{_distribution(wheel)}-*.whl"):
        older.unlink()
    shutil.copyfile(wheel, folder / wheel.name)


def _distribution(wheel: Path) -> str:
    return wheel.name.partition("-")[0]
