"""The oldest Python that nodes may have, where this machine has it."""

import os
import subprocess
from functools import cache
from pathlib import Path


@cache
def oldest_python() -> Path | None:
    """The Python 3.8 on the PATH or of pyenv, if there is one."""
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
