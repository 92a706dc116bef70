"""The Python of the local nodes. Like that of a node in Azure, it has no packages of the developer."""

import os
import shlex
import venv
from collections.abc import Mapping
from pathlib import Path

from batchmgr.errors import StackError


def node_path(directory: Path, *, python: Path | None, environment: Mapping[str, str]) -> str:
    """Return the PATH of the nodes. Their `python3` is kept in `directory`.

    It is this interpreter: `python`, with all its packages, or else a bare one of the running version. Other
    programs are those of the machine; directories of virtual environments are left out. Raises StackError.
    """
    try:
        programs = _bare_python(directory) if python is None else _this_python(directory, python)
    except OSError as error:
        raise StackError(f"Cannot make the nodes' Python in {directory}: {error.strerror}.") from error
    inherited = environment.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join([str(programs), *(entry for entry in inherited if not _is_of_venv(entry))])


def _bare_python(directory: Path) -> Path:
    venv.create(directory, symlinks=True)
    return directory / "bin"


def _this_python(directory: Path, python: Path) -> Path:
    if not os.access(python, os.X_OK) or python.is_dir():
        raise StackError(f"{python} is not a Python interpreter. --node-python takes the path of one.")
    programs = directory / "asked"
    programs.mkdir(parents=True, exist_ok=True)
    for name in ("python3", "python"):
        program = programs / name
        # A link would not do: an interpreter finds its virtual environment by its own path.
        program.write_text(f'#!/bin/sh\nexec {shlex.quote(str(python.absolute()))} "$@"\n', encoding="utf-8")
        program.chmod(0o755)
    return programs


def _is_of_venv(entry: str) -> bool:
    return (Path(entry).parent / "pyvenv.cfg").is_file()
