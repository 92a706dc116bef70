"""Application packages on nodes: unpacked once, and shared by all tasks of the node."""

import shutil
import threading
import zipfile
from pathlib import Path

from batchmgr.local.fakebatch.model.application import Package
from batchmgr.local.fakebatch.model.outcomes import Failure

# Tasks that start together on a node want the same packages.
_one_at_a_time = threading.Lock()


def install(package: Package, target: Path) -> Failure | None:
    """Unpack a package to the directory `target` unless it is there. Returns the failure, if there is one."""
    with _one_at_a_time:
        return None if target.exists() else _unpack(package, target)


def _unpack(package: Package, target: Path) -> Failure | None:
    # It appears under its name only when it is whole.
    partial = target.with_name(f"{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        with zipfile.ZipFile(package.archive) as archive:
            archive.extractall(partial)
            for entry in archive.infolist():
                mode = entry.external_attr >> 16 & 0o777
                if mode:
                    (partial / entry.filename).chmod(mode | 0o400)
        partial.replace(target)
    except (OSError, zipfile.BadZipFile) as error:
        details = (
            ("ApplicationId", package.application_id),
            ("Version", package.version),
            ("Message", str(error)),
        )
        return Failure("ApplicationPackageError", "An application package could not be installed", details)
    return None
