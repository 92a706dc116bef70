"""Creates a new workload package from the template next to this module."""

import keyword
import shlex
import sys
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from batchmgr.errors import PackageError
from batchmgr.packaging.own_wheel import own_wheel_name, write_own_wheel

TEMPLATE_NAME = "my_workload"
"""The workload's name in the template. The template is a working package under this name."""

_CLASSES = ("Workload", "JobManager")
"""The ends of the names of its classes, which begin with a form of the workload's name."""

MAX_NAME = 64
"""The maximum length of an application id in Azure Batch."""


def create_workload(name: str, parent: Path) -> Path:
    """Write a workload package called `name` into a new directory of that name, and return the directory.

    The folder `wheels` in it has the wheel of the batchmgr that runs: no package index is asked for it.
    Raises `PackageError` if the name cannot be a package's name or the directory exists.
    """
    _check_name(name)
    directory = parent / name
    try:
        parent.mkdir(parents=True, exist_ok=True)
        directory.mkdir()
        for path, content in _template():
            file = directory / path.replace(TEMPLATE_NAME, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(_renamed(content, name), encoding="utf-8", newline="\n")
        write_own_wheel(directory / "wheels")
    except FileExistsError as error:
        raise PackageError(
            f"{error.filename} exists already; choose another name, or another --dir"
        ) from error
    except OSError as error:
        raise PackageError(f"{error.filename}: {error.strerror}") from error
    return directory


def next_commands(name: str, directory: Path) -> tuple[str, ...]:
    """Return the next commands to type: create an environment, install the package, test it, run it locally.

    They need no batchmgr on a package index, and no environment that is active.
    """
    return (
        f"cd {shlex.quote(str(directory))}",
        f"{shlex.quote(sys.executable)} -m venv .venv && . .venv/bin/activate",
        f"python -m pip install ./wheels/{own_wheel_name()} -e '.[dev]'",
        "python -m pytest",
        f"python -m {name} local --inputs @example/inputs.json --storage example",
    )


def class_prefix(name: str) -> str:
    """Return what the names of a workload's classes begin with.

    >>> class_prefix("word_count"), class_prefix("my_workload")
    ('WordCount', 'My')
    """
    words = name.removesuffix("_workload").split("_")
    return "".join(word.capitalize() for word in words)


def _renamed(content: str, name: str) -> str:
    """Return a text of the template for a workload of this name."""
    for end in _CLASSES:
        content = content.replace(f"{class_prefix(TEMPLATE_NAME)}{end}", f"{class_prefix(name)}{end}")
    return content.replace(TEMPLATE_NAME, name)


def _check_name(name: str) -> None:
    if not (name.isidentifier() and name.isascii()):
        hint = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name).strip("_")
        better = f", such as {hint.lower()}" if hint and hint.lower().isidentifier() else ""
        raise PackageError(
            f"{name!r} cannot be a Python package's name: use letters, digits and underscores{better}"
        )
    if keyword.iskeyword(name):
        raise PackageError(f"{name!r} is a keyword of the Python language; choose another name")
    if name.lower() in {module.lower() for module in sys.stdlib_module_names}:
        raise PackageError(
            f"{name!r} is the name of a module of Python's standard library; choose another name"
        )
    if name.lower() in ("batchmgr", "tests"):
        raise PackageError(f"{name!r} is used by another package; choose another name")
    if name.lower() != name or name.startswith("_") or name.endswith("_"):
        raise PackageError(
            f"{name!r} must be in lower case, with underscores only between words: "
            f"{name.lower().strip('_') or 'my_workload'}"
        )
    if len(name) > MAX_NAME:
        raise PackageError(f"{name!r} has {len(name)} characters; the name may have at most {MAX_NAME}")


def _template() -> Iterator[tuple[str, str]]:
    return _files_below(files("batchmgr.packaging") / "template")


def _files_below(directory: Traversable, prefix: str = "") -> Iterator[tuple[str, str]]:
    for entry in directory.iterdir():
        path = f"{prefix}{entry.name}"
        if entry.is_dir():
            if entry.name != "__pycache__":
                yield from _files_below(entry, f"{path}/")
        else:
            yield path, entry.read_text(encoding="utf-8")
