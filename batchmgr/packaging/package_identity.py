"""The id and the version of an application package."""

import json
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

from batchmgr.errors import PackageError
from batchmgr.packaging.semver import check_semver

MANIFEST = "batchmgr-package.json"
"""The file at the root of an application package that holds its id and version."""

_APPLICATION_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_VERSION = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True, kw_only=True)
class PackageIdentity:
    """The application's id and the version. Raises `PackageError` if Azure Batch does not accept one of them.

    >>> PackageIdentity(application_id="my_workload", version="1.4.0").file_name
    'my_workload-1.4.0.zip'
    """

    application_id: str
    version: str

    def __post_init__(self) -> None:
        if not _APPLICATION_ID.fullmatch(self.application_id):
            raise PackageError(
                f"{self.application_id!r} cannot be the id of an application in Azure Batch, which accepts "
                "1 to 64 letters, digits, dashes and underscores; change the project's name"
            )
        check_semver(self.version)
        if "+" in self.version:
            raise PackageError(
                f"the version {self.version!r} cannot be used in Azure Batch, which accepts "
                f"no '+'; remove {self.version[self.version.index('+') :]!r}"
            )
        if not _VERSION.fullmatch(self.version):
            raise PackageError(
                f"the version {self.version!r} has {len(self.version)} characters; "
                "Azure Batch accepts at most 64"
            )

    @property
    def file_name(self) -> str:
        """The name of the zip file."""
        return f"{self.application_id}-{self.version}.zip"

    def manifest(self, *, batchmgr_version: str) -> bytes:
        """Return the content of the `MANIFEST` file."""
        content = {
            "applicationId": self.application_id,
            "version": self.version,
            "batchmgr": batchmgr_version,
        }
        return (json.dumps(content, indent=2) + "\n").encode()


def read_identity(archive: Path) -> PackageIdentity:
    """Return the identity of the application package in this zip file. Raises `PackageError`."""
    try:
        with zipfile.ZipFile(archive) as package:
            content = json.loads(package.read(MANIFEST))
        return PackageIdentity(application_id=content["applicationId"], version=content["version"])
    except OSError as error:
        raise PackageError(f"{archive}: {error.strerror or error}") from error
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
        raise PackageError(
            f"{archive} is not an application package of a workload; make one with: batchmgr package build"
        ) from error
