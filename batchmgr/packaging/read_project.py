"""Reads the pyproject.toml of a workload package."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batchmgr.errors import PackageError
from batchmgr.packaging.package_identity import PackageIdentity

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_LOWEST_PYTHON = re.compile(r">=\s*(\d+\.\d+)")


@dataclass(frozen=True, kw_only=True)
class WorkloadProject:
    """A workload package on its developer's machine.

    `packages` are the directories of its Python packages, by their path in an archive. `requirements` are its
    dependencies without batchmgr, in pip's notation. `lowest_python` is the oldest Python version that it
    supports, or "".
    """

    name: str
    identity: PackageIdentity
    packages: Mapping[str, Path]
    requirements: tuple[str, ...]
    lowest_python: str


def read_project(directory: Path) -> WorkloadProject:
    """Return the workload package in this directory. Raises `PackageError` if its file is wrong."""
    file = directory / "pyproject.toml"
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise PackageError(f"{file}: {error.strerror}; pass the directory of a workload package") from error
    except ValueError as error:
        raise PackageError(f"{file} is not TOML: {error}") from error
    try:
        return _project(directory, content)
    except PackageError as error:
        raise PackageError(f"{file}: {error}") from error
    except (AttributeError, TypeError, KeyError) as error:
        raise PackageError(
            f"{file} does not have the form that Python packaging tools expect: {error!r}"
        ) from error


def _project(directory: Path, content: Mapping[str, Any]) -> WorkloadProject:
    project: Mapping[str, Any] = content.get("project", {})
    poetry: Mapping[str, Any] = content.get("tool", {}).get("poetry", {})
    name = project.get("name") or poetry.get("name")
    if not name or not _NAME.fullmatch(name):
        raise PackageError(f"name in [project] must be a package's name, not {name!r}")
    version = project.get("version") or poetry.get("version")
    if not version:
        raise PackageError(
            "there is no version in [project] or [tool.poetry]; an application package needs one"
        )
    lowest = _LOWEST_PYTHON.search(project.get("requires-python", ""))
    return WorkloadProject(
        name=name,
        # In lower case and without dashes: then the id, the file name and the AZ_BATCH_APP_PACKAGE variable
        # have the same spelling.
        identity=PackageIdentity(application_id=_module_name(name), version=version),
        packages=_packages(directory, name, poetry),
        requirements=_requirements(project, poetry),
        lowest_python=lowest[1] if lowest else "",
    )


def _module_name(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()


def _packages(directory: Path, name: str, poetry: Mapping[str, Any]) -> Mapping[str, Path]:
    module = _module_name(name)
    if listed := poetry.get("packages"):
        found = {entry["include"]: directory / entry.get("from", "") / entry["include"] for entry in listed}
    else:
        places = [place for place in (directory / module, directory / "src" / module) if place.is_dir()]
        if not places:
            raise PackageError(f"there is no directory {module} or src/{module}")
        found = {module: places[0]}
    for package in found.values():
        if not (package / "__init__.py").is_file():
            raise PackageError(f"{package} is not a Python package: it has no __init__.py")
    if not any((package / "__main__.py").is_file() for package in found.values()):
        raise PackageError(f"none of {', '.join(found)} has a __main__.py, which nodes start")
    return found


def _requirements(project: Mapping[str, Any], poetry: Mapping[str, Any]) -> tuple[str, ...]:
    others = set(poetry.get("dependencies", {})).difference(("python", "batchmgr"))
    if "dependencies" not in project and others:
        raise PackageError(
            f"move the dependencies ({', '.join(sorted(others))}) from [tool.poetry.dependencies] to "
            "dependencies in [project], which every packaging tool reads"
        )
    requirements: list[str] = project.get("dependencies", [])
    return tuple(text for text in requirements if not re.match(r"batchmgr(?![\w.-])", text, re.IGNORECASE))
