"""Tests publishing with the real clients, against a fake Azure Resource Manager and Azurite."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from batchmgr.errors import BatchmgrError, PackageError, ServiceAccessError, ServiceError
from batchmgr.packaging.azure_account import AzureBatchAccount, open_account
from batchmgr.packaging.build_package import build_package, file_digest
from batchmgr.packaging.publish_package import publish_package
from batchmgr.packaging.read_project import read_project
from batchmgr.packaging.reproducible_archive import EARLIEST
from tests.packaging.credentials import NotSignedIn, SignedIn
from tests.packaging.fake_resource_manager import FakeResourceManager, serving_arm
from tests.packaging.linked_storage import LinkedStorage
from tests.packaging.sample import write_sample


@pytest.fixture
async def storage(connection_string: str) -> AsyncIterator[LinkedStorage]:
    opened = LinkedStorage(connection_string)
    yield opened
    opened.close()


@pytest.fixture
async def arm(tmp_path: Path, storage: LinkedStorage) -> AsyncIterator[FakeResourceManager]:
    async with serving_arm(tmp_path / "tls", storage.url) as served:
        yield served


@pytest.fixture
async def account(arm: FakeResourceManager) -> AsyncIterator[AzureBatchAccount]:
    async with opened(arm, SignedIn()) as account:
        yield account


def opened(arm: FakeResourceManager, credential: SignedIn) -> Any:
    return open_account(
        credential,
        subscription="sub",
        resource_group="group",
        account="acct",
        base_url=arm.endpoint,
        connection_verify=str(arm.certificate),
        credential_scopes=["https://management.azure.com/.default"],
    )


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    project = read_project(write_sample(tmp_path / "a"))
    return build_package(project, tmp_path / "out-a", time=EARLIEST, vendor=False).archive


@pytest.fixture
def other_archive(tmp_path: Path) -> Path:
    """A package of the same version with other content."""
    root = write_sample(tmp_path / "b")
    (root / "letter_count" / "new.py").write_text("NEW = True\n")
    return build_package(read_project(root), tmp_path / "out-b", time=EARLIEST, vendor=False).archive


async def published(account: Any, archive: Path, *, as_default: bool = False) -> list[str]:
    told: list[str] = []
    await publish_package(account, archive, as_default=as_default, report=told.append)
    return told


async def test_a_package_is_created_uploaded_activated_and_made_the_default(
    account: AzureBatchAccount, arm: FakeResourceManager, storage: LinkedStorage, archive: Path
) -> None:
    told = await published(account, archive, as_default=True)
    assert told == [
        "created the application letter_count",
        f"uploaded {archive}, sha256 {file_digest(archive)}",
        "activated letter_count 1.2.3",
        "1.2.3 is now the default version",
    ]
    assert arm.versions == {("letter_count", "1.2.3"): "Active"}
    assert arm.applications["letter_count"] == {"allowUpdates": True, "defaultVersion": "1.2.3"}
    assert storage.holds(archive)


async def test_the_default_version_is_left_alone_unless_asked_for(
    account: AzureBatchAccount, arm: FakeResourceManager, archive: Path
) -> None:
    await published(account, archive)
    assert "defaultVersion" not in arm.applications["letter_count"]


async def test_the_same_content_again_changes_nothing(
    account: AzureBatchAccount, arm: FakeResourceManager, archive: Path
) -> None:
    await published(account, archive, as_default=True)
    arm.calls.clear()
    assert await published(account, archive, as_default=True) == [
        "letter_count 1.2.3 exists already, with the same content"
    ]
    assert {call.split()[0] for call in arm.calls} == {"GET"}


async def test_other_content_under_the_same_version_is_refused(
    account: AzureBatchAccount, storage: LinkedStorage, archive: Path, other_archive: Path
) -> None:
    await published(account, archive)
    with pytest.raises(
        PackageError, match=r"letter_count 1\.2\.3 exists with other content.*raise the version number"
    ):
        await published(account, other_archive)
    assert storage.holds(archive)


async def test_so_it_is_when_somebody_uploaded_it_and_did_not_come_to_activate_it(
    account: AzureBatchAccount, arm: FakeResourceManager, archive: Path, other_archive: Path
) -> None:
    with pytest.raises(Crash):
        await published(Mortal(account, "activate"), archive)
    with pytest.raises(PackageError, match="with other content"):
        await published(account, other_archive)
    assert arm.versions["letter_count", "1.2.3"] == "Pending"


async def test_content_that_another_tool_uploaded_is_compared_too(
    account: AzureBatchAccount,
    arm: FakeResourceManager,
    storage: LinkedStorage,
    archive: Path,
    other_archive: Path,
) -> None:
    arm.applications["letter_count"] = {}
    arm.versions["letter_count", "1.2.3"] = "Active"
    storage.put(archive)
    assert await published(account, archive) == ["letter_count 1.2.3 exists already, with the same content"]
    with pytest.raises(PackageError, match="with other content"):
        await published(account, other_archive)


async def test_an_empty_blob_is_replaced_as_a_placeholder(
    account: AzureBatchAccount, arm: FakeResourceManager, storage: LinkedStorage, archive: Path
) -> None:
    arm.applications["letter_count"] = {}
    arm.versions["letter_count", "1.2.3"] = "Pending"
    storage.put(Path(os.devnull))
    await published(account, archive)
    assert storage.holds(archive)


async def test_without_read_access_a_new_version_is_published_and_an_old_one_refused(
    account: AzureBatchAccount, arm: FakeResourceManager, storage: LinkedStorage, archive: Path
) -> None:
    storage.permission = "cw"
    await published(account, archive)
    assert arm.versions["letter_count", "1.2.3"] == "Active"
    with pytest.raises(PackageError, match="does not allow its content to be read"):
        await published(account, archive)


async def test_an_active_version_without_content_is_reported(
    account: AzureBatchAccount, storage: LinkedStorage, archive: Path
) -> None:
    await published(account, archive)
    storage.remove()
    with pytest.raises(PackageError, match="its content is gone"):
        await published(account, archive)


class Crash(BaseException):
    """The pipeline's machine crashes."""


class Mortal:
    """An account that crashes its caller right before, or right after, the method of this name."""

    EFFECTS = ("create_application", "create_package", "upload", "activate", "set_default_version")

    def __init__(self, account: AzureBatchAccount, effect: str, *, after: bool = False) -> None:
        self._account = account
        self._effect = effect
        self._after = after

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._account, name)
        if name != self._effect:
            return method

        async def interrupted(*arguments: Any) -> None:
            if self._after:
                await method(*arguments)
            raise Crash

        return interrupted


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("effect", Mortal.EFFECTS)
async def test_a_pipeline_that_dies_at_any_step_can_be_run_again(
    account: AzureBatchAccount,
    arm: FakeResourceManager,
    storage: LinkedStorage,
    archive: Path,
    effect: str,
    after: bool,
) -> None:
    with pytest.raises(Crash):
        await published(Mortal(account, effect, after=after), archive, as_default=True)
    await published(account, archive, as_default=True)
    assert arm.versions == {("letter_count", "1.2.3"): "Active"}
    assert arm.applications["letter_count"]["defaultVersion"] == "1.2.3"
    assert storage.holds(archive)


async def test_the_message_of_azure_is_reported(
    account: AzureBatchAccount, arm: FakeResourceManager, archive: Path
) -> None:
    arm.refusal = (403, "AuthorizationFailed", "The client 'x' does not have authorization.")
    with pytest.raises(ServiceAccessError) as caught:
        await published(account, archive)
    assert str(caught.value) == (
        "Azure Resource Manager answered 403 AuthorizationFailed: The client 'x' does not have authorization."
    )


async def test_a_missing_account_is_reported(
    account: AzureBatchAccount, arm: FakeResourceManager, archive: Path
) -> None:
    arm.refusal = (
        404,
        "ResourceNotFound",
        "The Resource 'Microsoft.Batch/batchAccounts/acct' was not found.",
    )
    with pytest.raises(ServiceError, match="404 ResourceNotFound: The Resource"):
        await published(account, archive)


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("AzureCliCredential: Azure CLI not found on path", "no credential was found; run: az login"),
        ("EnvironmentCredential: AADSTS7000215: Invalid secret.", "AADSTS7000215: Invalid secret"),
    ],
)
async def test_a_failed_sign_in_is_reported_with_its_reason(
    arm: FakeResourceManager, archive: Path, reason: str, told: str
) -> None:
    async with opened(arm, NotSignedIn(f"\t{reason}")) as account:
        with pytest.raises(BatchmgrError, match=f"cannot sign in to Azure: .*{told}"):
            await published(account, archive)
