"""Tests that an application package runs on the nodes of the fake Azure Batch."""

import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from azure.batch.aio import BatchClient
from azure.batch.models import BatchApplicationPackageReference, EnvironmentSetting

from batchmgr.packaging.build_package import build_package
from batchmgr.packaging.read_project import read_project
from batchmgr.packaging.reproducible_archive import EARLIEST
from fakebatch.testing import FakeBatchProcess
from tests.fakebatch.driving import add_job, add_task, credential, ended, text_of
from tests.packaging.sample import write_sample


@pytest.fixture
async def batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[BatchClient]:
    """An account with the package as the default version, and a pool."""
    package = build_package(
        read_project(write_sample(tmp_path)), tmp_path / "out", time=EARLIEST, vendor=False
    )
    identity = package.identity
    # The nodes' python3 is this interpreter.
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    application = f"{identity.application_id}={identity.version}={package.archive},default"
    with FakeBatchProcess("--pool", "hpc=1x1", "--application", application) as fake:
        async with BatchClient(fake.endpoint, credential()) as client:
            await add_job(client)
            yield client


def from_package(variable: str, command: str) -> str:
    return f"/bin/sh -c 'PYTHONPATH=\"${variable}${{PYTHONPATH:+:$PYTHONPATH}}\" exec {command}'"


@pytest.mark.parametrize(
    ("version", "variable"),
    [
        (None, "AZ_BATCH_APP_PACKAGE_letter_count"),
        ("1.2.3", "AZ_BATCH_APP_PACKAGE_letter_count_1_2_3"),
    ],
    ids=["the default version", "a version"],
)
async def test_a_task_runs_from_its_application_package(
    batch: BatchClient, version: str | None, variable: str
) -> None:
    references = [BatchApplicationPackageReference(application_id="letter_count", version=version)]
    inputs = EnvironmentSetting(name="BATCHMGR_TASK_INPUTS", value='{"letter": "a", "text": "banana"}')
    await add_task(
        batch,
        "count",
        from_package(variable, "python3 -m letter_count task LetterTask"),
        application_package_references=references,
        environment_settings=[inputs],
    )
    await add_task(
        batch,
        "where",
        from_package(variable, 'python3 -c "import batchmgr; print(batchmgr.__file__)"'),
        application_package_references=references,
    )
    assert (await ended(batch, "count")).exit_code == 0, await text_of(batch, "count", "stderr.txt")
    assert await text_of(batch, "count") == "a 3\n"
    assert (await ended(batch, "where")).exit_code == 0
    assert "letter_count1.2.3/batchmgr/__init__.py" in await text_of(batch, "where")
