"""Finds the oldest Python that nodes may have, Python 3.8, on this machine."""

import os
import subprocess
from functools import cache
from pathlib import Path


@cache
def oldest_python() -> Path | None:
    """Return the Python 3.8 of pyenv or on the PATH, or None."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    places = sorted(pyenv.glob("versions/3.8.*/bin/python3.8"))
    places += [Path(place) / "python3.8" for place in os.environ.get("PATH", "").split(os.pathsep)]
    for place in places:
        # A version manager may have a command that only says that there is no such version.
        if (
            place.is_file()
            and subprocess.run([place, "-V"], capture_output=True, check=False).returncode == 0
        ):
            return place
    return None
