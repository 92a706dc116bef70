"""Install application packages on nodes. Each is unpacked once, and all tasks of the node share it."""

import shutil
import uuid
import zipfile
from pathlib import Path

from fakebatch.failure_info import FailureInfo
from fakebatch.model.application_packages import ApplicationPackage


def install(package: ApplicationPackage, target: Path) -> FailureInfo | None:
    """Unpack a package to the directory `target`, unless it exists. Returns the failure, or None."""
    if target.exists():
        return None
    # The package gets its name only when it is complete. Several tasks may install it at the same time, and
    # one whose time is over continues in its thread. So each uses a directory of its own; the first one wins.
    partial = target.with_name(f"{target.name}.{uuid.uuid4().hex}.partial")
    try:
        with zipfile.ZipFile(package.archive) as archive:
            archive.extractall(partial)
            for entry in archive.infolist():
                mode = entry.external_attr >> 16 & 0o777
                if mode:
                    (partial / entry.filename).chmod(mode | 0o400)
        partial.replace(target)
    except (OSError, zipfile.BadZipFile) as error:
        shutil.rmtree(partial, ignore_errors=True)
        if target.exists():
            return None
        details = (
            ("ApplicationId", package.application_id),
            ("Version", package.version),
            ("Message", str(error)),
        )
        return FailureInfo(
            "ApplicationPackageError", "An application package could not be installed", details
        )
    return None
