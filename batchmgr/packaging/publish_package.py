"""Publishing an application package: the steps, each of which may be repeated, and stopped after."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol

from batchmgr.errors import PackageError
from batchmgr.packaging.build_package import file_digest
from batchmgr.packaging.package_identity import PackageIdentity, read_identity


class NoDigest(Enum):
    """What is stored where an upload should go."""

    NO_CONTENT = "no content"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, kw_only=True)
class PackageRecord:
    """What the Batch account knows of a version: whether nodes may have it, and the URL of its content."""

    is_active: bool
    storage_url: str


class BatchAccount(Protocol):
    """The applications of a Batch account. Its methods raise `ServiceError`."""

    async def has_application(self, application_id: str) -> bool:
        """Whether the application is there."""

    async def create_application(self, application_id: str) -> None:
        """Create it; nothing happens when it is there."""

    async def find_package(self, identity: PackageIdentity) -> PackageRecord | None:
        """The record of a version, if there is one."""

    async def create_package(self, identity: PackageIdentity) -> PackageRecord:
        """Create the record of a version that is not there."""

    async def upload(self, storage_url: str, archive: Path, sha256: str) -> bool:
        """Store the content; False, and nothing is changed, when there is content already."""

    async def stored_digest(self, storage_url: str) -> str | NoDigest:
        """The SHA-256 of the content that is stored, in hexadecimal."""

    async def activate(self, identity: PackageIdentity) -> None:
        """Let nodes have the version."""

    async def default_version(self, application_id: str) -> str:
        """The application's default version, or ""."""

    async def set_default_version(self, identity: PackageIdentity) -> None:
        """Make the version the application's default."""


async def publish_package(
    account: BatchAccount, archive: Path, *, as_default: bool, report: Callable[[str], None]
) -> None:
    """Make the application package in this zip file a version that nodes can have.

    A version is what was uploaded first, for ever: other content under the same version is refused, also
    when it is not active yet; the same content again changes nothing. `report` is told what was done. Raises
    `PackageError` and `ServiceError`.
    """
    identity = read_identity(archive)
    name = f"{identity.application_id} {identity.version}"
    if not await account.has_application(identity.application_id):
        await account.create_application(identity.application_id)
        report(f"created the application {identity.application_id}")
    package = await account.find_package(identity) or await account.create_package(identity)
    await _store(account, package, archive, name, report)
    if not package.is_active:
        await account.activate(identity)
        report(f"activated {name}")
    if as_default and await account.default_version(identity.application_id) != identity.version:
        await account.set_default_version(identity)
        report(f"{identity.version} is the default version now")


async def _store(
    account: BatchAccount, package: PackageRecord, archive: Path, name: str, report: Callable[[str], None]
) -> None:
    sha256 = file_digest(archive)
    if not package.is_active and await account.upload(package.storage_url, archive, sha256):
        report(f"uploaded {archive}, sha256 {sha256}")
        return
    stored = await account.stored_digest(package.storage_url)
    if stored is NoDigest.NO_CONTENT:
        raise PackageError(
            f"{name} is active, but its content is gone from the storage account; raise the version"
        )
    if stored is NoDigest.UNREADABLE:
        raise PackageError(
            f"{name} is there, and Azure does not let its content be read, so nobody can say whether it is "
            "the same; raise the version"
        )
    if stored != sha256:
        raise PackageError(
            f"{name} is there with other content (sha256 {stored}, not {sha256}); a version never changes: "
            "raise it"
        )
    report(f"{name} is there already, with the same content")
