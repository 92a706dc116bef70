"""Builds the application package of a workload: everything a node needs to run its tasks, except Python."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from batchmgr.errors import PackageError
from batchmgr.packaging.node_part import node_part
from batchmgr.packaging.package_identity import MANIFEST, PackageIdentity
from batchmgr.packaging.read_project import WorkloadProject
from batchmgr.packaging.reproducible_archive import ArchivePlan, files_below
from batchmgr.packaging.vendor_dependencies import install_dependencies, vendored_files


@dataclass(frozen=True, kw_only=True)
class ApplicationPackage:
    """A zip file that Azure Batch installs on nodes, and its SHA-256 in hexadecimal."""

    identity: PackageIdentity
    archive: Path
    sha256: str


def build_package(
    project: WorkloadProject, output: Path, *, time: datetime, vendor: bool
) -> ApplicationPackage:
    """Write the application package into the directory `output`. Replaces a package of the same version.

    It contains the project's packages, the part of batchmgr that nodes need, and, with `vendor`, the
    project's dependencies. Every file in it gets this `time`. Raises `PackageError`.
    """
    target = output / project.identity.file_name
    plan = ArchivePlan()
    plan.add(MANIFEST, project.identity.manifest(batchmgr_version=version("batchmgr")))
    # With this metadata, importlib.metadata finds the versions as if pip had installed the packages.
    _add_metadata(plan, project.identity.application_id, project.name, project.identity.version)
    _add_metadata(plan, "batchmgr", "batchmgr", version("batchmgr"))
    plan.add_all(node_part())
    try:
        for name, package in project.packages.items():
            plan.add_all({f"{name}/{path}": file for path, file in files_below(package)})
        output.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory() as directory:
            if vendor and project.requirements:
                vendored = Path(directory)
                install_dependencies(project.requirements, vendored, lowest_python=project.lowest_python)
                plan.add_all(dict(vendored_files(vendored)))
            plan.write(target, time=time)
    except OSError as error:
        raise PackageError(f"{error.filename}: {error.strerror}") from error
    return ApplicationPackage(identity=project.identity, archive=target, sha256=file_digest(target))


def file_digest(file: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _add_metadata(plan: ArchivePlan, folder: str, name: str, release: str) -> None:
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {release}\n"
    plan.add(f"{folder}-{release}.dist-info/METADATA", metadata.encode())
