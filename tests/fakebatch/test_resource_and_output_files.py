"""Files between tasks and storage, with Azurite as the storage."""

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from azure.batch import models
from azure.batch.aio import BatchClient
from azure.storage.blob import ContainerSasPermissions, generate_container_sas
from azure.storage.blob.aio import BlobServiceClient, ContainerClient

from fakebatch.execution import blob_storage
from tests.fakebatch.driving import add_job, add_task, ended, failure_code, shell, text_of

_IDENTITY = models.BatchNodeIdentityReference(resource_id="/subscriptions/s/identities/i")


@pytest.fixture
async def container(blobs: BlobServiceClient) -> AsyncIterator[ContainerClient]:
    async with await blobs.create_container(f"c{uuid.uuid4().hex}") as client:
        yield client


def _url(container: ContainerClient, permission: str = "rlwc", name: str | None = None) -> str:
    credential = container.credential
    assert isinstance(credential.account_key, str)
    sas = generate_container_sas(
        account_name=str(container.account_name),
        container_name=container.container_name,
        account_key=credential.account_key,
        permission=ContainerSasPermissions.from_string(permission),
        expiry=datetime.now(UTC) + timedelta(hours=1),
    )
    address = container.url if name is None else container.get_blob_client(name).url
    return f"{address}?{sas}"


def _output(pattern: str, url: str, when: str = "tasksuccess", path: str | None = None) -> models.OutputFile:
    target = models.OutputFileBlobContainerDestination(container_url=url, path=path)
    return models.OutputFile(
        file_pattern=pattern,
        destination=models.OutputFileDestination(container=target),
        upload_options=models.OutputFileUploadConfiguration(upload_condition=when),
    )


async def _names(container: ContainerClient) -> list[str]:
    return [str(name) async for name in container.list_blob_names()]


async def _content(container: ContainerClient, name: str) -> bytes:
    return await (await container.download_blob(name)).readall()


async def test_a_blob_is_brought_to_its_path(batch: BatchClient, container: ContainerClient) -> None:
    await container.upload_blob("in/some file.txt", b"hello")
    source = models.ResourceFile(
        http_url=_url(container, name="in/some file.txt"),
        file_path="deep/in.txt",
        identity_reference=_IDENTITY,
    )
    script = models.ResourceFile(
        http_url=_url(container, name="in/some file.txt"), file_path="x", file_mode="0600"
    )
    await add_job(batch)
    await add_task(
        batch, "t", shell("cat deep/in.txt; stat -c %a deep/in.txt x"), resource_files=[source, script]
    )
    assert (await ended(batch, "t")).exit_code == 0
    assert await text_of(batch, "t") == "hello770\n600\n"


async def test_a_container_is_brought_with_its_structure(
    batch: BatchClient, container: ContainerClient
) -> None:
    for name in ("data/a.txt", "data/deep/b & c.txt", "other.txt"):
        await container.upload_blob(name, name)
    files = models.ResourceFile(storage_container_url=_url(container), blob_prefix="data/", file_path="in")
    await add_job(batch)
    await add_task(batch, "t", shell("find . -type f | sort"), resource_files=[files])
    assert (await ended(batch, "t")).exit_code == 0
    assert await text_of(batch, "t") == "./in/data/a.txt\n./in/data/deep/b & c.txt\n"


@pytest.mark.parametrize("kind", ["missing blob", "no permission", "no list permission", "missing container"])
async def test_a_file_that_cannot_be_had_fails_the_task_before_it_runs(
    batch: BatchClient, container: ContainerClient, kind: str
) -> None:
    await container.upload_blob("a.txt", b"x")
    missing = _url(container).replace(container.container_name, "no-such-container")
    source, code = {
        "missing blob": (
            models.ResourceFile(http_url=_url(container, name="b"), file_path="b"),
            "BlobNotFound",
        ),
        "no permission": (
            models.ResourceFile(http_url=_url(container, "w", "a.txt"), file_path="a"),
            "BlobAccessDenied",
        ),
        "no list permission": (
            models.ResourceFile(storage_container_url=_url(container, "r")),
            "ResourceContainerAccessDenied",
        ),
        # The signature names a container, so that another is not even looked for.
        "missing container": (
            models.ResourceFile(storage_container_url=missing),
            "ResourceContainerAccessDenied",
        ),
    }[kind]
    await add_job(batch)
    await add_task(batch, "t", shell("echo ran"), resource_files=[source])
    info = await ended(batch, "t")
    assert info.failure_info is not None
    assert (info.failure_info.code, info.exit_code, info.result) == (code, None, "failure")
    assert "sig=" not in str(info.as_dict())


async def test_output_files_are_there_when_the_task_is_completed(
    batch: BatchClient, container: ContainerClient
) -> None:
    url = _url(container, "w")
    outputs = [
        _output("result.json", url, path="runs/1.json"),
        _output("parts/*.txt", url, path="parts"),
        _output("../std*.txt", url, path="logs/$AZ", when="taskcompletion"),
        _output("parts/**/*.csv", url),
        _output("parts/*.txt", url, path="never", when="taskfailure"),
    ]
    script = (
        "mkdir -p parts/deep; echo 1 > result.json; touch parts/a.txt parts/b.txt parts/deep/c.csv; echo hi"
    )
    await add_job(batch)
    await add_task(batch, "t", shell(script), output_files=outputs)
    assert (await ended(batch, "t")).failure_info is None
    expected = [
        "deep/c.csv",
        "logs/$AZ/stderr.txt",
        "logs/$AZ/stdout.txt",
        "parts/a.txt",
        "parts/b.txt",
        "runs/1.json",
    ]
    assert await _names(container) == expected
    assert await _content(container, "logs/$AZ/stdout.txt") == b"hi\n"
    assert "uploaded as runs/1.json" in await text_of(batch, "t", "fileuploadout.txt")
    assert await text_of(batch, "t", "fileuploaderr.txt") == ""


async def test_a_failed_task_uploads_what_is_for_failure(
    batch: BatchClient, container: ContainerClient
) -> None:
    url = _url(container, "w")
    outputs = [
        _output("../stderr.txt", url, "taskfailure", path="e"),
        _output("../stdout.txt", url, path="o"),
    ]
    await add_job(batch)
    await add_task(batch, "t", shell("echo why >&2; exit 3"), output_files=outputs)
    info = await ended(batch, "t")
    assert (info.exit_code, info.failure_info and info.failure_info.code) == (3, "FailureExitCode")
    assert await _names(container) == ["e"]


async def test_a_large_file_goes_up_in_blocks(
    batch: BatchClient, container: ContainerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blob_storage, "_LARGEST_PUT", 2**16)
    monkeypatch.setattr(blob_storage, "_BLOCK", 2**16)
    await add_job(batch)
    await add_task(batch, "t", shell("seq 100000 > big"), output_files=[_output("big", _url(container, "w"))])
    assert (await ended(batch, "t")).exit_code == 0
    assert await _content(container, "big") == b"".join(b"%d\n" % number for number in range(1, 100_001))


@pytest.mark.parametrize(
    ("permission", "code"), [("r", "FileUploadAccessDenied"), ("w", "FileUploadContainerNotFound")]
)
async def test_a_failed_upload_fails_the_task_but_keeps_its_exit_code(
    batch: BatchClient, container: ContainerClient, permission: str, code: str
) -> None:
    url = _url(container, permission)
    if code == "FileUploadContainerNotFound":
        await container.delete_container()
    await add_job(batch)
    retried = models.BatchTaskConstraints(max_task_retry_count=2)
    await add_task(batch, "t", "true", output_files=[_output("../stdout.txt", url)], constraints=retried)
    info = await ended(batch, "t")
    assert info.failure_info is not None
    assert (info.failure_info.code, info.exit_code, info.retry_count) == (code, 0, 0)
    assert await text_of(batch, "t", "fileuploaderr.txt") != ""


async def test_storage_that_does_not_answer_is_a_failure_of_the_download(batch: BatchClient) -> None:
    source = models.ResourceFile(http_url="http://127.0.0.1:1/c/b", file_path="b")
    await add_job(batch)
    await add_task(batch, "t", "true", resource_files=[source])
    assert await failure_code(batch, "t") == "BlobDownloadMiscError"
