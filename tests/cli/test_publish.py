"""Tests `batchmgr package publish`, from the command line to the Batch account and the storage account."""

import asyncio
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import azure.identity.aio
import pytest

from batchmgr.cli import main
from batchmgr.packaging import azure_account
from batchmgr.packaging.build_package import build_package
from batchmgr.packaging.read_project import read_project
from batchmgr.packaging.reproducible_archive import EARLIEST
from tests.packaging.credentials import SignedIn
from tests.packaging.fake_resource_manager import FakeResourceManager, serving_arm
from tests.packaging.linked_storage import LinkedStorage
from tests.packaging.sample import write_sample


@pytest.fixture
def storage(connection_string: str) -> Iterator[LinkedStorage]:
    opened = LinkedStorage(connection_string)
    yield opened
    opened.close()


@pytest.fixture
def arm(
    tmp_path: Path, storage: LinkedStorage, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FakeResourceManager]:
    """The fake of Azure, served from a thread, because the command has its own event loop."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    context = serving_arm(tmp_path / "tls", storage.url)
    served = asyncio.run_coroutine_threadsafe(context.__aenter__(), loop).result()
    opened = partial(
        azure_account.open_account, base_url=served.endpoint, connection_verify=str(served.certificate)
    )
    monkeypatch.setattr(azure_account, "open_account", opened)
    monkeypatch.setattr(azure.identity.aio, "DefaultAzureCredential", SignedIn)
    yield served
    asyncio.run_coroutine_threadsafe(context.__aexit__(None, None, None), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def test_the_arguments_lead_to_the_account_and_the_steps_are_printed(
    arm: FakeResourceManager, storage: LinkedStorage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = read_project(write_sample(tmp_path))
    package = build_package(project, tmp_path / "out", time=EARLIEST, vendor=False)
    account = ["--subscription", "sub", "--resource-group", "group", "--account", "acct"]
    command = ["package", "publish", str(package.archive), *account]
    assert main([*command, "--default"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "created the application letter_count",
        f"uploaded {package.archive}, sha256 {package.sha256}",
        "activated letter_count 1.2.3",
        "1.2.3 is now the default version",
    ]
    assert arm.applications["letter_count"]["defaultVersion"] == "1.2.3"
    assert storage.holds(package.archive)
    arm.refusal = (403, "AuthorizationFailed", "You may not.")
    assert main(command) == 1
    assert capsys.readouterr().err == (
        "batchmgr package: Azure Resource Manager answered 403 AuthorizationFailed: You may not.\n"
    )
