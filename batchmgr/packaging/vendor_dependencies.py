"""The dependencies of a workload package, put where its application package is made from."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from batchmgr.errors import PackageError
from batchmgr.packaging.reproducible_archive import files_below

_INSTALLER_NOTES = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"})
"""What pip writes down about an installation; it tells of this machine, not of the dependency."""


def install_dependencies(requirements: Sequence[str], target: Path, *, lowest_python: str) -> None:
    """Let pip install them in the directory `target`, for any node: only packages in pure Python.

    They are chosen for `lowest_python`, such as "3.8"; for this Python when it is empty. Raises
    `PackageError` with what pip says.
    """
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
    command += ["--no-compile", "--target", str(target), "--only-binary", ":all:"]
    command += ["--implementation", "py", "--abi", "none", "--platform", "any"]
    if lowest_python:
        command += ["--python-version", lowest_python]
    done = subprocess.run([*command, *requirements], capture_output=True, text=True, check=False)
    if done.returncode:
        told = [line for line in done.stderr.splitlines() if line.startswith("ERROR:")] or [
            done.stderr.strip()
        ]
        raise PackageError(
            f"pip cannot put {', '.join(requirements)} into the package: {' '.join(told)} (Only "
            "dependencies in pure Python can be vendored; others belong in the node's image, its container "
            "or a start task.)"
        )


def vendored_files(target: Path) -> Iterator[tuple[str, Path]]:
    """The files of installed dependencies, without pip's notes and the start scripts of this machine."""
    for path, file in files_below(target):
        folder = path.partition("/")[0]
        is_note = folder.endswith(".dist-info") and file.name in _INSTALLER_NOTES
        if folder != "bin" and not is_note:
            yield path, file
