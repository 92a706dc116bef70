"""Jobs are found by everything that is stored of them besides their records, in whatever folder."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from azure.storage.blob.aio import BlobServiceClient, ContainerClient

from batchmgr.adapters import job_blob_names as names
from batchmgr.adapters.blob_ended_jobs import BlobEndedJobs
from batchmgr.adapters.blob_failures import BlobFailures
from batchmgr.adapters.blob_timelines import FOLDER as TIMELINES
from batchmgr.adapters.blob_timelines import BlobTimelines

LATER = datetime.now(UTC) + timedelta(hours=1)
BLOBS = {
    "request": names.request_name("A_b-1"),
    "tasks": names.tasks_name("A_b-1"),
    "plan": names.plan_name("A_b-1"),
    "failures": names.failures_name("A_b-1"),
    "receiver": names.receivers_folder("A_b-1") + "key",
    "overflow": names.overflow_folder("A_b-1") + "0123.json",
    "timeline": f"{TIMELINES}a_b-1",
    "webhook": names.webhooks_folder("A_b-1") + "0.json",
}


@pytest.fixture
async def container(connection_string: str) -> AsyncIterator[ContainerClient]:
    async with BlobServiceClient.from_connection_string(connection_string) as service:
        yield await service.create_container("jobs")


async def keys(container: ContainerClient) -> list[str]:
    ended, found, token = BlobEndedJobs(container), set[str](), ""
    while True:
        some, token = await ended.parts(LATER, token)
        found.update(some)
        if not token:
            return sorted(found)


@pytest.mark.parametrize("part", BLOBS)
async def test_a_job_is_found_by_each_of_its_parts(container: ContainerClient, part: str) -> None:
    await container.upload_blob(BLOBS[part], b"{}")
    assert await keys(container) == ["a_b-1"]


def test_no_folder_is_looked_into_for_nothing() -> None:
    assert sorted(name.partition("/")[0] + "/" for name in BLOBS.values()) == sorted(names.PARTS)


async def test_what_late_readers_keep_of_a_job_is_a_part(container: ContainerClient) -> None:
    await BlobFailures(container).save("one", b"{}")
    await BlobTimelines(container).save("two", b"{}")
    assert await keys(container) == ["one", "two"]


async def test_records_lists_and_blobs_of_others_are_no_parts(container: ContainerClient) -> None:
    for name in (
        "records/a.json",
        "active/a",
        "list/ended/a",
        "line/a",
        "requests/no id.json",
        "requests/.json",
    ):
        await container.upload_blob(name, b"{}")
    assert await keys(container) == []


async def test_the_pages_of_a_folder_are_all_looked_at(
    container: ContainerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = container.list_blobs
    monkeypatch.setattr(container, "list_blobs", lambda folder: listed(folder, results_per_page=2))
    for number in range(5):
        await container.upload_blob(names.request_name(f"job-{number}"), b"{}")
        await container.upload_blob(names.plan_name(f"job-{number}"), b"{}")
    await container.upload_blob(names.tasks_name("last"), b"{}")
    assert await keys(container) == [*(f"job-{number}" for number in range(5)), "last"]
