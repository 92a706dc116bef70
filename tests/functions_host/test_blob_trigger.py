"""Blob functions find, run and poison blobs as in the real host."""

import base64
import json

from functions_host.blob_trigger_queue import BlobTriggerMessage, BlobTriggerQueue
from functions_host.job_host import JobHost
from functions_host.queue_polling import QueueNotifier
from tests.functions_host.conftest import Hosts
from tests.functions_host.storage_account import StorageAccount, until

STATE = "azure-webjobs-hosts"
HOST_QUEUE = "azure-webjobs-blobtrigger-testhost"
FUNCTION_ID = "Host.Functions.on_result"


def receipts_of(function_id: str = FUNCTION_ID) -> str:
    return f"blobreceipts/testhost/{function_id}/"


async def put_message(storage: StorageAccount, name: str, etag: str, function_id: str = FUNCTION_ID) -> None:
    queue = BlobTriggerQueue(storage.queues.get_queue_client(HOST_QUEUE), QueueNotifier())
    await queue.enqueue(
        BlobTriggerMessage(function_id=function_id, container="results", blob=name, etag=etag)
    )


async def until_host_queue_is_empty(storage: StorageAccount) -> None:
    async def is_empty() -> bool:
        return await storage.count(HOST_QUEUE) == 0

    await until(is_empty)


async def test_a_function_sees_the_blob_and_what_is_known_of_it(
    host: JobHost, storage: StorageAccount
) -> None:
    blob = storage.blobs.get_blob_client("results", "a/b.json")
    await blob.upload_blob(b"hello", metadata={"kind": "test"})
    (seen,) = await storage.until_seen("blob")
    assert seen == {
        "name": "results/a/b.json",
        "uri": blob.url,
        "length": 5,
        "body": "hello",
        "metadata": {"kind": "test"},
    }


async def test_each_version_of_a_blob_is_run_once_over_all_starts(
    running_host: Hosts, storage: StorageAccount
) -> None:
    await storage.upload("results", "a.json", "one")
    async with running_host():
        await storage.until_seen("blob", 1)
    async with running_host():
        await storage.upload("results", "a.json", "two")
        await storage.until_seen("blob", 2)
        await until_host_queue_is_empty(storage)
    assert [seen["body"] for seen in await storage.seen("blob")] == ["one", "two"]


async def test_a_receipt_names_function_version_and_blob(host: JobHost, storage: StorageAccount) -> None:
    await storage.upload("results", "a/b.json", "{}")
    await storage.until_seen("blob")
    properties = await storage.blobs.get_blob_client("results", "a/b.json").get_blob_properties()
    expected = f"{receipts_of()}{properties.etag}/results/a/b.json"

    async def is_written() -> bool:
        return await storage.names(STATE, receipts_of()) == [expected]

    await until(is_written)


async def test_a_blob_with_a_receipt_is_not_run(running_host: Hosts, storage: StorageAccount) -> None:
    await storage.upload("results", "old.json", "{}")
    properties = await storage.blobs.get_blob_client("results", "old.json").get_blob_properties()
    await storage.blobs.create_container(STATE)
    await storage.upload(STATE, f"{receipts_of()}{properties.etag}/results/old.json", "")
    async with running_host():
        await storage.upload("results", "zz-later.json", "{}")
        seen = await storage.until_seen("blob")
    assert [fact["name"] for fact in seen] == ["results/zz-later.json"]


async def test_a_name_that_does_not_match_the_pattern_is_left_alone(
    host: JobHost, storage: StorageAccount
) -> None:
    await storage.upload("results", "a.txt", "{}")
    await storage.upload("results", "b.json", "{}")
    seen = await storage.until_seen("blob")
    assert [fact["name"] for fact in seen] == ["results/b.json"]


async def test_a_container_that_is_missing_is_waited_for(
    running_host: Hosts, storage: StorageAccount
) -> None:
    await storage.blobs.delete_container("results")
    async with running_host():
        await storage.send("input", "the host is up")
        await storage.until_seen("message")
        await storage.blobs.create_container("results")
        await storage.upload("results", "a.json", "{}")
        await storage.until_seen("blob")


async def test_a_message_for_a_blob_that_is_gone_is_dropped(host: JobHost, storage: StorageAccount) -> None:
    await put_message(storage, "gone.json", '"0x1"')
    await until_host_queue_is_empty(storage)
    assert await storage.seen("blob") == []
    assert await storage.peek("webjobs-blobtrigger-poison") == []


async def test_a_message_for_another_version_is_dropped_and_the_new_version_is_enqueued(
    running_host: Hosts, storage: StorageAccount
) -> None:
    # The scan would also find it, but only after this test.
    async with running_host(blob_scan_interval=3600):
        await storage.send("input", "the host is up")
        await storage.until_seen("message")
        await storage.upload("results", "a.json", "new")
        await put_message(storage, "a.json", '"0x1"')
        seen = await storage.until_seen("blob")
        await until_host_queue_is_empty(storage)
    assert [fact["body"] for fact in seen] == ["new"]
    assert len(await storage.names(STATE, receipts_of())) == 1


async def test_a_message_for_an_unknown_function_is_dropped(host: JobHost, storage: StorageAccount) -> None:
    await put_message(storage, "a.json", '"0x1"', function_id="Host.Functions.gone")
    await until_host_queue_is_empty(storage)
    assert await storage.peek("webjobs-blobtrigger-poison") == []


async def test_a_blob_is_reported_as_poison_after_five_failures(
    host: JobHost, storage: StorageAccount
) -> None:
    await storage.upload("results", "bad.json", "fail")
    (content,) = await until(lambda: storage.peek("webjobs-blobtrigger-poison"))
    report = json.loads(base64.b64decode(content))
    properties = await storage.blobs.get_blob_client("results", "bad.json").get_blob_properties()
    assert report == {
        "Type": "BlobTrigger",
        "FunctionId": FUNCTION_ID,
        "BlobType": "BlockBlob",
        "ContainerName": "results",
        "BlobName": "bad.json",
        "ETag": properties.etag,
    }
    assert len(await storage.seen("blob")) == 5
