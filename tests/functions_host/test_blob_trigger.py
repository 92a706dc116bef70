"""Blob functions find, run and poison blobs as in the real host."""

import asyncio
import base64
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from azure.storage.blob.aio import ContainerClient

from functions_host.blob_enqueuing import ScannedFunction
from functions_host.blob_path_pattern import BlobPathPattern
from functions_host.blob_receipts import BlobReceipts
from functions_host.blob_scan_state import BlobScanState
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


async def test_a_message_for_another_version_is_dropped_and_the_next_scan_enqueues_the_new_version(
    running_host: Hosts, storage: StorageAccount
) -> None:
    await storage.upload("results", "a.json", "new")
    await put_message(storage, "a.json", '"0x1"')
    async with running_host():
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


async def test_two_hosts_run_each_of_many_blobs_once(running_host: Hosts, storage: StorageAccount) -> None:
    names = [f"{number:02}.json" for number in range(16)]
    async with running_host(), running_host():
        await asyncio.gather(*(storage.upload("results", name, "{}") for name in names))
        await storage.until_seen("blob", len(names))
        await until_host_queue_is_empty(storage)
        await asyncio.sleep(0.5)
    assert sorted(fact["name"] for fact in await storage.seen("blob")) == [f"results/{n}" for n in names]


async def test_a_second_host_scans_only_after_the_first_has_gone(
    running_host: Hosts, storage: StorageAccount
) -> None:
    lock = storage.blobs.get_blob_client(STATE, "locks/testhost/WebJobs.Internal.Blobs.Listener")
    async with running_host():
        assert (await lock.get_blob_properties()).lease.state == "leased"
    assert (await lock.get_blob_properties()).lease.state == "available"


@pytest.mark.parametrize("patient", [True, False])
async def test_after_a_kill_only_a_patient_host_scans_at_once(
    running_host: Hosts, storage: StorageAccount, patient: bool
) -> None:
    killable = Path(__file__).parent / "killable_host.py"
    mode = ["patient"] if patient else []
    process = await asyncio.create_subprocess_exec(sys.executable, str(killable), "600", *mode)
    await storage.upload("results", "a.json", "{}")
    await storage.until_seen("blob")
    process.kill()
    await process.wait()
    async with running_host(patient=patient):
        await storage.upload("results", "b.json", "{}")
        if patient:
            await storage.until_seen("blob", 2)
            return
        await asyncio.sleep(1)  # ten times the interval of the scans
        assert len(await storage.seen("blob")) == 1


async def test_blobs_with_odd_names_and_without_content_are_run(
    host: JobHost, storage: StorageAccount
) -> None:
    names = ["a b.json", "50%20.json", "a+b.json", "ä€.json", "x#y?z.json"]
    for name in names:
        await storage.upload("results", name, "")
    seen = await storage.until_seen("blob", len(names))
    assert {fact["name"] for fact in seen} == {f"results/{name}" for name in names}
    assert {fact["body"] for fact in seen} == {""}


@pytest.mark.parametrize(
    "body",
    [
        "not JSON",
        "null",
        "[]",
        "17",
        '{"FunctionId": 17}',
        "{}",
        json.dumps({"FunctionId": FUNCTION_ID}),
        json.dumps({"FunctionId": FUNCTION_ID, "ContainerName": "results", "BlobName": None}),
    ],
)
async def test_a_bad_message_ends_the_host_and_stays_hidden(
    running_host: Hosts, storage: StorageAccount, body: str
) -> None:
    await storage.send(HOST_QUEUE, body)
    async with running_host() as host, asyncio.timeout(60):
        await host.run(asyncio.Event())
    assert await storage.count(HOST_QUEUE) == 1
    assert await storage.peek(HOST_QUEUE) == []


class TestEnqueuing:
    """Several hosts find the same blob at the same moment."""

    @staticmethod
    def scanned(storage: StorageAccount, container: ContainerClient) -> ScannedFunction:
        return ScannedFunction(
            function_id=FUNCTION_ID,
            blobs=storage.blobs,
            pattern=BlobPathPattern.parse("results/{name}"),
            receipts=BlobReceipts(container, "testhost", FUNCTION_ID),
            queue=BlobTriggerQueue(storage.queues.get_queue_client(HOST_QUEUE), QueueNotifier()),
        )

    async def test_eight_different_blobs_create_the_queue_at_once_and_none_is_lost(
        self, storage: StorageAccount
    ) -> None:
        names = [f"{number}.json" for number in range(8)]
        for name in names:
            await storage.upload("results", name, "{}")
        container = storage.blobs.get_container_client(STATE)
        hosts = [self.scanned(storage, container) for _ in names]
        work = (host.enqueue(name) for host, name in zip(hosts, names, strict=True))
        assert await asyncio.gather(*work) == [True] * 8
        assert await storage.count(HOST_QUEUE) == 8

    async def test_an_incomplete_receipt_of_a_killed_host_is_completed(self, storage: StorageAccount) -> None:
        await storage.upload("results", "a.json", "{}")
        container = await storage.blobs.create_container(STATE)
        etag = (await storage.blobs.get_blob_client("results", "a.json").get_blob_properties()).etag
        receipt = container.get_blob_client(f"{receipts_of()}{etag}/results/a.json")
        await receipt.upload_blob(b"", metadata={"incomplete": "Incomplete"})
        lease = await receipt.acquire_lease(15)
        host = self.scanned(storage, container)
        assert not await host.enqueue("a.json")
        await lease.release()
        assert await host.enqueue("a.json")
        assert await storage.count(HOST_QUEUE) == 1
        properties = await receipt.get_blob_properties()
        assert properties.metadata == {}
        assert properties.lease.state == "available"


class TestScanState:
    """What a scan in Azure remembers over restarts."""

    async def test_it_is_stored_a_moment_early_since_more_blobs_of_the_second_may_come(
        self, storage: StorageAccount
    ) -> None:
        container = await storage.blobs.create_container(STATE)
        state = BlobScanState(container, "testhost", storage.blobs, "results")
        assert await state.load() is None
        latest = datetime(2024, 6, 1, tzinfo=UTC)
        await state.save(latest)
        assert await state.load() == latest - timedelta(milliseconds=1)

    async def test_an_error_of_storage_is_not_the_end(self, storage: StorageAccount) -> None:
        container = storage.blobs.get_container_client("no-such-container")
        await BlobScanState(container, "testhost", storage.blobs, "results").save(datetime.now(UTC))

    @pytest.mark.parametrize("content", ["garbage", "[]", "{}", '{"LatestScan": 17}'])
    async def test_what_cannot_be_parsed_is_an_error(self, storage: StorageAccount, content: str) -> None:
        container = await storage.blobs.create_container(STATE)
        name = f"blobscaninfo/testhost/{storage.blobs.account_name}/results/scanInfo"
        await storage.upload(STATE, name, content)
        with pytest.raises(ValueError, match=r".+"):
            await BlobScanState(container, "testhost", storage.blobs, "results").load()
