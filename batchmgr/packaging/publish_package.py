"""Publishes an application package to a Batch account. If it stops at any step, run it again."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol

from batchmgr.errors import PackageError
from batchmgr.packaging.build_package import file_digest
from batchmgr.packaging.package_identity import PackageIdentity, read_identity


class NoDigest(Enum):
    """Why the digest of the stored content is not known."""

    NO_CONTENT = "no content"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, kw_only=True)
class PackageRecord:
    """A version in the Batch account: whether it is active, and the URL of its content."""

    is_active: bool
    storage_url: str


class BatchAccount(Protocol):
    """The applications of a Batch account. All methods raise `ServiceError`."""

    async def has_application(self, application_id: str) -> bool:
        """Return whether the application exists."""

    async def create_application(self, application_id: str) -> None:
        """Create the application. Does nothing if it exists."""

    async def find_package(self, identity: PackageIdentity) -> PackageRecord | None:
        """Return the record of a version, or None if there is none."""

    async def create_package(self, identity: PackageIdentity) -> PackageRecord:
        """Create the record of a version. The version must not exist."""

    async def upload(self, storage_url: str, archive: Path, sha256: str) -> bool:
        """Upload the content. Return False, and change nothing, if content is stored already."""

    async def stored_digest(self, storage_url: str) -> str | NoDigest:
        """Return the SHA-256 of the stored content, in hexadecimal, or why there is none."""

    async def activate(self, identity: PackageIdentity) -> None:
        """Activate the version. After that, nodes can install it."""

    async def default_version(self, application_id: str) -> str:
        """Return the application's default version, or ""."""

    async def set_default_version(self, identity: PackageIdentity) -> None:
        """Make the version the application's default version."""


async def publish_package(
    account: BatchAccount, archive: Path, *, as_default: bool, report: Callable[[str], None]
) -> None:
    """Publish the application package in this zip file as a version that nodes can install.

    The content of a version never changes. Other content under the same version is refused, even if the
    version is not active yet. The same content again changes nothing. `report` is called with each step that
    was done. Raises `PackageError` and `ServiceError`.
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
        report(f"{identity.version} is now the default version")


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
            f"{name} is active, but its content is gone from the storage account; raise the version number"
        )
    if stored is NoDigest.UNREADABLE:
        raise PackageError(
            f"{name} exists, and Azure does not allow its content to be read, so it cannot be compared; "
            "raise the version number"
        )
    if stored != sha256:
        raise PackageError(
            f"{name} exists with other content (sha256 {stored}, not {sha256}); the content of a version "
            "never changes, so raise the version number"
        )
    report(f"{name} exists already, with the same content")
