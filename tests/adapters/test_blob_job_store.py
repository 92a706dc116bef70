"""The job store on blobs: how large the blobs of a record are, and what is left over."""

from collections.abc import AsyncIterator

import pytest
from azure.storage.blob.aio import BlobClient, BlobServiceClient, ContainerClient
from msgspec.structs import replace

from batchmgr.adapters.blob_job_store import BlobJobStore
from batchmgr.errors import RecordChangedError
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_record_parts import ResultFile
from batchmgr.model.job_states import JobState
from batchmgr.model.size_limits import MAX_RECORD
from tests.contract.test_event_log import NOW, event

JOB = JobRecord(
    job_id="Job-1", state=JobState.RUNNING, workload="", digest="d", created_at=NOW, updated_at=NOW
)


def large(number: int) -> JobRecord:
    results = [ResultFile(name=f"{number}-{n}", uri="https://example/" + "x" * 500) for n in range(200)]
    return replace(JOB, results=tuple(results)).with_outbox([event("e", padding=400_000)])


@pytest.fixture
async def container(connection_string: str) -> AsyncIterator[ContainerClient]:
    async with BlobServiceClient.from_connection_string(connection_string) as service:
        yield await service.create_container("jobs")


async def sizes(container: ContainerClient, prefix: str) -> list[int]:
    return [blob.size async for blob in container.list_blobs(prefix)]


async def test_a_large_record_is_a_small_blob_and_one_other_that_it_names(container: ContainerClient) -> None:
    store = BlobJobStore(container)
    job = await store.create(JOB)
    for number in range(4):
        job = await store.save(replace(large(number), overflow=job.value.overflow), job.etag)
        [record] = await sizes(container, "records/")
        [overflow] = await sizes(container, "overflow/job-1/")
        assert record <= MAX_RECORD < overflow
        job = await store.load("job-1")
    await store.save(replace(JOB, overflow=job.value.overflow), job.etag)
    assert await sizes(container, "overflow/") == []


async def test_a_save_that_fails_harms_no_other_and_what_it_leaves_is_removed_at_the_end(
    container: ContainerClient,
) -> None:
    store = BlobJobStore(container)
    first = await store.create(JOB)
    saved = await store.save(large(1), first.etag)
    with pytest.raises(RecordChangedError):
        await store.save(large(2), first.etag)
    assert await store.load("job-1") == saved
    assert len(await sizes(container, "overflow/")) == 2
    await store.save(JOB, saved.etag)
    await store.deactivate("job-1")
    assert await sizes(container, "overflow/") == []


async def test_the_lists_of_a_large_outcome_stay_when_the_job_is_no_longer_active(
    container: ContainerClient,
) -> None:
    store = BlobJobStore(container)
    first = await store.create(JOB)
    ended = await store.save(replace(large(1), outbox=()), first.etag)
    with pytest.raises(RecordChangedError):
        await store.save(large(2), first.etag)
    await store.deactivate("job-1")
    assert len(await sizes(container, "overflow/")) == 1
    assert await store.load("job-1") == ended


async def test_a_record_whose_other_blob_was_deleted_is_loaded_without_it(
    container: ContainerClient, caplog: pytest.LogCaptureFixture
) -> None:
    store = BlobJobStore(container)
    saved = await store.save(large(1), (await store.create(JOB)).etag)
    await container.delete_blob(saved.value.overflow)
    loaded = await store.load("job-1")
    assert (loaded.value.outbox, loaded.value.results, loaded.value.updated_at) == ((), (), NOW)
    assert f"{saved.value.overflow} is missing" in caplog.text
    await store.save(loaded.value, loaded.etag)


class OvertakenStore(BlobJobStore):
    """A store whose record is saved by somebody else between the two reads of a load."""

    async def _read(self, blob: BlobClient, job_id: str, known: str = "") -> tuple[bytes, str]:
        if blob.blob_name.startswith("overflow/"):
            other = BlobJobStore(self._container)
            found = await other.load(job_id)
            if found.value.results[0].name == "1-0":
                changed = replace(large(2), overflow=found.value.overflow)
                await other.save(changed, found.etag)
        return await super()._read(blob, job_id, known)


async def test_a_record_that_is_saved_between_the_two_reads_of_a_load_is_loaded_again(
    container: ContainerClient,
) -> None:
    store = BlobJobStore(container)
    await store.save(large(1), (await store.create(JOB)).etag)
    loaded = await OvertakenStore(container).load("job-1")
    assert loaded.value.results[0].name == "2-0"
    assert loaded == await store.load("job-1")
