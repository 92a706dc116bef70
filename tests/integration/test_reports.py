"""What tasks have told of themselves, read from storage."""

from batchmgr.adapters.blob_job_files import BlobJobFiles
from tests.integration.client import Client


async def test_a_report_says_what_can_be_read_of_it_whatever_a_task_has_written(
    client: Client, job_id: str
) -> None:
    container = client.blobs.get_container_client(f"job-{job_id}")
    await container.create_container()
    metadata: dict[str, dict[str, str]] = {
        "1": {"sequence": "7", "fraction": "0.25", "message": "a%20quarter", "result": "f00"},
        "2": {"sequence": "", "fraction": "", "message": "", "result": ""},
        "3": {"fraction": "most"},
        "4": {},
    }
    for task_id, facts in metadata.items():
        await container.upload_blob(f"batchmgr-reports/{task_id}.json", b"", metadata=facts)
    reports = await BlobJobFiles(client.blobs).reports(job_id)
    told = {each.task_id: (each.sequence, each.fraction, each.message, each.result_key) for each in reports}
    silent = ("", None, "", "")
    assert told == {"1": ("7", 0.25, "a quarter", "f00"), "2": silent, "3": silent, "4": silent}
