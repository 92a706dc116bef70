"""Where everything is well, nothing is wrong; and to look changes nothing."""

from azure.storage.blob.aio import BlobServiceClient
from azure.storage.queue.aio import QueueServiceClient

from batchmgr.doctor.finding import Status
from tests.doctor.conftest import SetUp


async def test_a_healthy_set_up_is_fine_in_every_point(set_up: SetUp) -> None:
    findings = await set_up.examine()
    assert {one.status for one in findings} == {Status.FINE}
    assert len({one.check for one in findings}) >= 13


async def test_a_data_account_that_is_well_is_named(set_up: SetUp) -> None:
    set_up.environment["BATCHMGR_DATA_STORAGE"] = set_up.environment["AzureWebJobsStorage"]
    found = (await set_up.examine()).of("data")
    assert found.status is Status.FINE
    assert "files of jobs that name no account are in " in found.what


async def test_to_look_changes_nothing(set_up: SetUp) -> None:
    text = set_up.environment["AzureWebJobsStorage"]
    async with (
        BlobServiceClient.from_connection_string(text) as blobs,
        QueueServiceClient.from_connection_string(text) as queues,
    ):
        await queues.get_queue_client("batchmgr-job-requests").send_message("{}")

        async def everything() -> list[object]:
            containers = [one.name async for one in blobs.list_containers()]
            names = [
                (container, name)
                for container in containers
                async for name in blobs.get_container_client(container).list_blob_names()
            ]
            messages = await queues.get_queue_client("batchmgr-job-requests").peek_messages(max_messages=32)
            jobs = [job.id async for job in set_up.batch.list_jobs()]
            dequeued = [(one.id, one.dequeue_count) for one in messages]
            return [containers, names, dequeued, jobs, [one.name async for one in queues.list_queues()]]

        before = await everything()
        await set_up.examine()
        assert await everything() == before
