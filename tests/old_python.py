"""Finds old Pythons that nodes may have on this machine."""

import os
import subprocess
from functools import cache
from pathlib import Path


def oldest_python() -> Path | None:
    """Return the oldest Python that runs the node part, Python 3.8, or None."""
    return find_python("3.8")


@cache
def find_python(version: str) -> Path | None:
    """Return the Python of this version, such as 3.8, that pyenv or the PATH has, or None."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    places = sorted(pyenv.glob(f"versions/{version}.*/bin/python{version}"))
    places += [Path(place) / f"python{version}" for place in os.environ.get("PATH", "").split(os.pathsep)]
    for place in places:
        # A version manager may have a command that only says that there is no such version.
        if (
            place.is_file()
            and subprocess.run([place, "-V"], capture_output=True, check=False).returncode == 0
        ):
            return place
    return None
