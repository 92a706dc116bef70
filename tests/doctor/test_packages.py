"""The application packages of the account, and the workloads that are installed here."""

import sys
import zipfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from batchmgr.doctor.finding import Status
from fakebatch.model.application_packages import ApplicationPackage
from tests.doctor.azure import BATCH
from tests.doctor.conftest import SetUp, set_up_with
from tests.doctor.deployed_app import Deployed
from tests.doctor.test_app_in_azure import an_app

__all__ = ["an_app"]

WORKLOAD = """
from batchmgr import ApplicationPackageReference, WorkloadBase

class Letters(WorkloadBase):
    application_package = ApplicationPackageReference(application_id="letters"{version})
"""


@pytest.fixture(autouse=True)
def letters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A workload of version 1.4.0, installed as pip does. It uses the default version of its package."""
    site = tmp_path / "site"
    package, facts = site / "letters_workload", site / "letters_workload-1.4.0.dist-info"
    package.mkdir(parents=True)
    facts.mkdir()
    (package / "__init__.py").write_text(WORKLOAD.format(version=""))
    (package / "__main__.py").touch()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: letters_workload\nVersion: 1.4.0\n")
    (facts / "entry_points.txt").write_text("[batchmgr.workloads]\nletters = letters_workload:Letters\n")
    monkeypatch.syspath_prepend(str(site))
    yield package
    sys.modules.pop("letters_workload", None)


def stored(directory: Path, *versions: str) -> tuple[ApplicationPackage, ...]:
    archive = directory / "letters.zip"
    with zipfile.ZipFile(archive, "w") as content:
        content.writestr("letters_workload/__main__.py", "")
    return tuple(
        ApplicationPackage(application_id="letters", version=version, archive=archive) for version in versions
    )


@pytest.fixture
async def set_up(
    request: pytest.FixtureRequest, connection_string: str, tmp_path: Path
) -> AsyncIterator[SetUp]:
    """A set-up whose account has the versions of the test's parameter, or 1.3.0 and 1.4.0."""
    versions = getattr(request, "param", ("1.3.0", "1.4.0"))
    packages = stored(tmp_path, *versions)
    async with set_up_with(connection_string, tmp_path, applications=packages) as made:
        yield made


async def test_a_package_that_is_there_is_fine(set_up: SetUp) -> None:
    found = (await set_up.examine()).of("packages")
    assert (found.status, found.what) == (Status.FINE, "the account has letters (default version)")


@pytest.mark.parametrize("set_up", [()], indirect=True)
async def test_a_package_that_is_missing_is_wrong(set_up: SetUp) -> None:
    found = (await set_up.examine()).of("packages")
    assert found.status is Status.WRONG
    assert "no package letters, from which the workload letters runs" in found.what
    assert "batchmgr package build" in found.remedy
    assert "batchmgr package publish dist/letters-1.4.0.zip --default" in found.remedy


@pytest.mark.parametrize("set_up", [("1.2.0",)], indirect=True)
async def test_an_installed_version_that_was_not_published_is_told(set_up: SetUp) -> None:
    found = (await set_up.examine()).of("packages")
    assert found.status is Status.WARNING
    assert "the workload letters is 1.4.0 here, but the account only has letters 1.2.0" in found.what


async def test_a_version_that_the_workload_asks_for_must_be_there(set_up: SetUp, letters: Path) -> None:
    (letters / "__init__.py").write_text(WORKLOAD.format(version=', version="2.0.0"'))
    found = (await set_up.examine()).of("packages")
    assert found.status is Status.WRONG
    assert "asks for letters 2.0.0; the account has 1.3.0, 1.4.0" in found.what


async def test_a_workload_that_can_not_be_loaded_is_told(set_up: SetUp, letters: Path) -> None:
    (letters / "__init__.py").write_text("import no_such_module\n")
    found = (await set_up.examine()).of("workloads")
    assert found.status is Status.WRONG
    assert "no_such_module" in found.what
    assert "batchmgr workloads" in found.remedy


@pytest.mark.parametrize(
    ("default", "status", "what"),
    [
        ("1.4.0", Status.FINE, "letters (default 1.4.0)"),
        ("1.3.0", Status.WARNING, "is 1.4.0 here, but nodes use the default version 1.3.0 of letters"),
        ("", Status.WRONG, "letters has no default version"),
    ],
)
async def test_in_azure_the_default_version_is_compared(
    app: Deployed, default: str, status: Status, what: str
) -> None:
    app.azure.resources[f"{BATCH}/applications"] = [
        {"name": "letters", "properties": {"defaultVersion": default}}
    ]
    app.azure.resources[f"{BATCH}/applications/letters/versions"] = [{"name": "1.3.0"}, {"name": "1.4.0"}]
    found = (await app.examine()).of("packages")
    assert found.status is status
    assert what in found.what
    if status is not Status.FINE:
        account = "--subscription 0000 --resource-group rg-batch --account devbatchaccount"
        assert account in found.remedy
