"""Installs a workload package's dependencies into a directory, from which they go into its package."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from batchmgr.errors import PackageError
from batchmgr.packaging.reproducible_archive import files_below

_INSTALLER_NOTES = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"})
"""Files in which pip describes an installation on this machine, not the dependency itself."""


def install_dependencies(requirements: Sequence[str], target: Path, *, lowest_python: str) -> None:
    """Have pip install the requirements in the directory `target`. Only packages in pure Python are allowed.

    pip chooses versions for the Python version `lowest_python`, such as "3.8", or for the running Python if
    it is empty. Raises `PackageError` with pip's message.
    """
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
    command += ["--no-compile", "--target", str(target), "--only-binary", ":all:"]
    command += ["--implementation", "py", "--abi", "none", "--platform", "any"]
    if lowest_python:
        command += ["--python-version", lowest_python]
    done = subprocess.run([*command, *requirements], capture_output=True, text=True, check=False)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR:")] or [
            done.stderr.strip()
        ]
        raise PackageError(
            f"pip cannot put {', '.join(requirements)} into the package: {' '.join(errors)} (Only "
            "dependencies in pure Python can be vendored. Install others in the node's image, its container "
            "or a start task.)"
        )


def vendored_files(target: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files of installed dependencies, without pip's notes and this machine's start scripts."""
    for path, file in files_below(target):
        folder = path.partition("/")[0]
        is_note = folder.endswith(".dist-info") and file.name in _INSTALLER_NOTES
        if folder != "bin" and not is_note:
            yield path, file
