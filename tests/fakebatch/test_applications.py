"""Application packages: lists, references, and installation on nodes."""

import argparse
import zipfile
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from azure.batch import models
from azure.batch.aio import BatchClient
from azure.core.exceptions import HttpResponseError

from batchmgr.cli import fakebatch
from fakebatch.execution import package_installation
from fakebatch.model.application_packages import ApplicationPackage
from fakebatch.server import Options, serving
from tests.fakebatch.driving import add_job, add_task, credential, ended, failure_code, shell, text_of, until
from tests.fakebatch.raw_http import request


def _zip(path: Path, text: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        entry = zipfile.ZipInfo("bin/hello")
        entry.external_attr = 0o755 << 16
        archive.writestr(entry, f"#!/bin/sh\necho {text}\n")
    return path


@pytest.fixture
async def endpoint(tmp_path: Path) -> AsyncIterator[str]:
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"no zip file")
    applications = (
        ApplicationPackage(application_id="Tool", version="1.0", archive=_zip(tmp_path / "1.zip", "one")),
        ApplicationPackage(
            application_id="Tool", version="2.0", archive=_zip(tmp_path / "2.zip", "two"), is_default=True
        ),
        ApplicationPackage(application_id="plain", version="1", archive=_zip(tmp_path / "p.zip", "plain")),
        ApplicationPackage(application_id="broken", version="1", archive=broken),
    )
    pool: dict[str, object] = {"id": "one", "vmSize": "small", "targetDedicatedNodes": 1}
    options = Options(root=tmp_path / "nodes", pools=(pool,), applications=applications)
    async with serving(options) as address:
        yield address


def _reference(application_id: str, version: str | None = None) -> models.BatchApplicationPackageReference:
    return models.BatchApplicationPackageReference(application_id=application_id, version=version)


async def test_the_applications_of_the_account_are_shown(endpoint: str) -> None:
    reply = await request(endpoint, "GET", "/applications")
    assert reply.json["odata.metadata"].endswith("$metadata#listapplicationsummariesresponses")
    assert reply.json["value"] == [
        {"id": "Tool", "versions": ["1.0", "2.0"]},
        {"id": "broken", "versions": ["1"]},
        {"id": "plain", "versions": ["1"]},
    ]
    reply = await request(endpoint, "GET", "/applications/tool")
    assert reply.json["odata.metadata"].endswith("$metadata#getapplicationsummaryresponse/@Element")
    assert (reply.json["id"], reply.json["versions"]) == ("Tool", ["1.0", "2.0"])
    missing = await request(endpoint, "GET", "/applications/none")
    assert (missing.status, missing.code) == (404, "ApplicationNotFound")


async def test_a_task_finds_its_packages_by_their_variables(batch: BatchClient) -> None:
    await add_job(batch, pool_id="one")
    references = [_reference("Tool", "1.0"), _reference("tool")]
    script = "$AZ_BATCH_APP_PACKAGE_Tool_1_0/bin/hello; $AZ_BATCH_APP_PACKAGE_tool/bin/hello"
    await add_task(batch, "t", shell(script), application_package_references=references)
    assert (await ended(batch, "t")).exit_code == 0
    assert await text_of(batch, "t") == "one\ntwo\n"


def test_a_package_that_tasks_want_at_the_same_time_is_unpacked_once(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "large.zip", "w") as archive:
        for number in range(500):
            archive.writestr(f"folder/{number}", "")
    package = ApplicationPackage(application_id="large", version="1", archive=tmp_path / "large.zip")
    with ThreadPoolExecutor(4) as threads:
        failures = [
            threads.submit(package_installation.install, package, tmp_path / "there") for _ in range(4)
        ]
    assert [failure.result() for failure in failures] == [None] * 4
    assert len(list((tmp_path / "there" / "folder").iterdir())) == 500


async def test_the_packages_of_a_pool_are_there_before_its_start_task(batch: BatchClient) -> None:
    pool = models.BatchPoolCreateOptions(
        id="p",
        vm_size="small",
        target_dedicated_nodes=1,
        application_package_references=[_reference("Tool", "2.0")],
        start_task=models.BatchStartTask(
            command_line=shell("$AZ_BATCH_APP_PACKAGE_tool_2_0/bin/hello > out")
        ),
    )
    await batch.create_pool(pool)
    await add_job(batch, pool_id="p")
    script = "cat $AZ_BATCH_NODE_STARTUP_DIR/wd/out; $AZ_BATCH_APP_PACKAGE_Tool_2_0/bin/hello"
    await add_task(batch, "t", shell(script))
    await ended(batch, "t")
    assert await text_of(batch, "t") == "two\ntwo\n"


@pytest.mark.parametrize("reference", [_reference("none", "1"), _reference("Tool", "9"), _reference("plain")])
async def test_a_pool_cannot_refer_to_a_package_that_does_not_exist(
    batch: BatchClient, reference: models.BatchApplicationPackageReference
) -> None:
    pool = models.BatchPoolCreateOptions(id="p", vm_size="small", application_package_references=[reference])
    with pytest.raises(HttpResponseError, match="InvalidApplicationPackageReferences"):
        await batch.create_pool(pool)
    change = models.BatchPoolUpdateOptions(application_package_references=[reference])
    with pytest.raises(HttpResponseError, match="InvalidApplicationPackageReferences"):
        await batch.update_pool("one", change)


async def test_a_task_cannot_refer_to_a_package_that_does_not_exist(
    endpoint: str, batch: BatchClient
) -> None:
    await add_job(batch, pool_id="one")
    wrong = {"id": "t", "commandLine": "true", "applicationPackageReferences": [{"applicationId": "none"}]}
    reply = await request(endpoint, "POST", "/jobs/job/tasks", wrong)
    assert (reply.status, reply.code) == (409, "InvalidApplicationPackageReferences")
    assert reply.values == {"none": "The specified application package does not exist."}
    reply = await request(endpoint, "POST", "/jobs/job/addtaskcollection", {"value": [wrong]})
    assert reply.json["value"][0]["error"]["code"] == "InvalidApplicationPackageReferences"


async def test_a_task_whose_application_has_no_default_fails_before_it_runs(batch: BatchClient) -> None:
    await add_job(batch, pool_id="one")
    await add_task(batch, "t", application_package_references=[_reference("plain")])
    assert (await ended(batch, "t")).exit_code is None
    assert await failure_code(batch, "t") == "ApplicationPackageNotFound"


async def test_a_node_that_cannot_install_a_package_is_unusable(batch: BatchClient) -> None:
    pool = models.BatchPoolCreateOptions(
        id="p",
        vm_size="small",
        target_dedicated_nodes=1,
        application_package_references=[_reference("broken", "1")],
    )
    await batch.create_pool(pool)

    async def unusable() -> bool:
        return [node.state async for node in batch.list_nodes("p")] == ["unusable"]

    await until(unusable)
    [node] = [node async for node in batch.list_nodes("p")]
    assert [error.code for error in node.errors or ()] == ["ApplicationPackageError"]


@pytest.fixture
async def batch(endpoint: str) -> AsyncIterator[BatchClient]:
    async with BatchClient(endpoint, credential()) as client:
        yield client


def test_applications_are_given_as_arguments(tmp_path: Path) -> None:
    parser = argparse.ArgumentParser(exit_on_error=False)
    fakebatch.add_arguments(parser)
    archive = _zip(tmp_path / "a.zip", "hi")
    args = parser.parse_args(["--application", f"tool=1.0={archive},default"])
    assert args.application == [
        ApplicationPackage(application_id="tool", version="1.0", archive=archive, is_default=True)
    ]
    for wrong in ("tool", f"tool={archive}", f"tool=1.0={tmp_path}/none.zip", f"a/b=1={archive}"):
        with pytest.raises(argparse.ArgumentError):
            parser.parse_args(["--application", wrong])


def test_a_package_that_others_install_at_the_same_time_is_there_for_all(tmp_path: Path) -> None:
    content = tmp_path / "many.zip"
    with zipfile.ZipFile(content, "w") as archive:
        for number in range(200):
            archive.writestr(f"lib/{number}.txt", "text")
    package, target = (
        ApplicationPackage(application_id="many", version="1", archive=content),
        tmp_path / "node" / "many",
    )
    with ThreadPoolExecutor(8) as threads:
        failures = list(threads.map(lambda _: package_installation.install(package, target), range(8)))
    assert failures == [None] * 8
    assert len(list((target / "lib").iterdir())) == 200
    assert [path.name for path in target.parent.iterdir()] == ["many"]
