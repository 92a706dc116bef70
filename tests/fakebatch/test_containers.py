"""Tasks in containers, with a stand-in for the container runtime; and the storage account of the account."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.batch import models
from azure.batch.aio import BatchClient
from azure.storage.blob import AccountSasPermissions, ResourceTypes, generate_account_sas
from azure.storage.blob.aio import BlobServiceClient

from fakebatch.execution.auto_storage import AutoStorage
from fakebatch.server import Options, serving
from tests.fakebatch.driving import (
    add_job,
    add_task,
    credential,
    end_job,
    ended,
    failure_code,
    job_in_state,
    shell,
    task_in_state,
    text_of,
)

# Shows its arguments, then runs what comes after the image as the container would.
_RUNTIME = """#!/bin/sh
echo "$@" >> {log}
test "$1" = inspect && echo "c0ffee exited"
test "$1" = run || exit 0
echo "$@"
while test "$1" != image:1; do shift; done
shift
exec "$@"
"""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The log of the calls of a container runtime on the PATH."""
    log, programs = tmp_path / "calls", tmp_path / "bin"
    programs.mkdir()
    runtime = programs / "docker"
    runtime.write_text(_RUNTIME.format(log=log))
    runtime.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    return log


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


def _container(**options: Any) -> models.BatchTaskContainerSettings:
    return models.BatchTaskContainerSettings(image_name="image:1", **options)


async def test_a_task_runs_in_its_container(batch: BatchClient, calls: Path) -> None:
    await add_job(batch)
    mine = [models.EnvironmentSetting(name="MINE", value="a b")]
    settings = _container(container_run_options="--network none")
    await add_task(batch, "t", "echo done", container_settings=settings, environment_settings=mine)
    info = await ended(batch, "t")
    assert info.exit_code == 0
    assert info.container_info is not None
    assert info.container_info.as_dict() == {"containerId": "c0ffee", "state": "exited"}
    shown, done = (await text_of(batch, "t")).splitlines()
    assert done == "done"
    assert "-e MINE=a b" in shown
    assert "-e PATH=" not in shown
    assert shown.endswith("/wd --network none image:1 echo done")
    assert _lines(calls)[-1].startswith("rm --force fakebatch-")


async def test_a_container_is_removed_when_its_task_is_ended(batch: BatchClient, calls: Path) -> None:
    await add_job(batch)
    settings = _container(working_directory="containerImageDefault")
    await add_task(batch, "t", "sleep 600", container_settings=settings)
    await task_in_state(batch, "t", "running")
    await end_job(batch, "enough")
    await job_in_state(batch, "completed")
    assert _lines(calls)[-1].startswith("rm --force fakebatch-")
    assert not [line for line in _lines(calls) if " -w " in line]


@pytest.mark.usefixtures("calls")
async def test_options_of_a_container_that_cannot_be_read_fail_the_task(batch: BatchClient) -> None:
    await add_job(batch)
    await add_task(batch, "t", "true", container_settings=_container(container_run_options="--label 'a"))
    assert await failure_code(batch, "t") == "CommandLaunchFailed"


async def test_a_node_without_containers_fails_the_task(
    batch: BatchClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    await add_job(batch)
    await add_task(batch, "t", "true", container_settings=_container())
    assert await failure_code(batch, "t") == "ContainerPoolNotSupported"
    assert (await ended(batch, "t")).exit_code is None


async def test_passwords_of_registries_are_never_shown(batch: BatchClient) -> None:
    registry = models.ContainerRegistryReference(username="ann", password="s3cret")
    await add_job(batch, pool_id="later")
    settings = models.BatchTaskContainerSettings(image_name="image:1", registry=registry)
    await add_task(batch, "t", "true", container_settings=settings)
    shown = str((await batch.get_task("job", "t")).as_dict())
    assert "ann" in shown
    assert "s3cret" not in shown


@asynccontextmanager
async def _with_storage(root: Path, storage: AutoStorage) -> AsyncIterator[BatchClient]:
    pool: dict[str, object] = {"id": "hpc", "vmSize": "small", "targetDedicatedNodes": 1}
    async with (
        serving(Options(root=root, pools=(pool,), auto_storage=storage)) as endpoint,
        BatchClient(endpoint, credential()) as batch,
    ):
        yield batch


@pytest.mark.parametrize("by", ["key", "signature"])
async def test_a_container_of_the_linked_storage_is_named_without_its_address(
    tmp_path: Path, blobs: BlobServiceClient, by: str
) -> None:
    name = f"c{uuid.uuid4().hex}"
    async with await blobs.create_container(name) as container:
        await container.upload_blob("data/a.txt", b"hello")
    key, account = blobs.credential.account_key, str(blobs.account_name)
    sas = generate_account_sas(
        account,
        key,
        ResourceTypes(container=True, object=True),
        AccountSasPermissions(read=True, list=True),
        datetime.now(UTC) + timedelta(hours=1),
    )
    storage = AutoStorage(blobs.url, key) if by == "key" else AutoStorage(f"{_plain(blobs.url)}?{sas}")
    async with _with_storage(tmp_path, storage) as batch:
        await add_job(batch)
        files = [models.ResourceFile(auto_storage_container_name=name, blob_prefix="data/", file_path="in")]
        await add_task(batch, "t", shell("cat in/data/a.txt"), resource_files=files)
        assert (await ended(batch, "t")).exit_code == 0
        assert await text_of(batch, "t") == "hello"


def _plain(url: str) -> str:
    return url.partition("?")[0].rstrip("/")


async def test_an_account_without_linked_storage_fails_the_task(batch: BatchClient) -> None:
    await add_job(batch)
    files = [models.ResourceFile(auto_storage_container_name="c")]
    await add_task(batch, "t", "true", resource_files=files)
    assert await failure_code(batch, "t") == "ResourceContainerListMiscError"
