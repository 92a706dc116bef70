"""Jobs run without a key anywhere: a few of the integration tests."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from azure.batch.aio import BatchClient
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import generate_account_sas
from azure.storage.blob.aio import BlobServiceClient

from batchmgr.devstack.azurite import ACCOUNT, KEY
from batchmgr.devstack.stack import Stack
from fakebatch.wire.shared_key import ACCOUNT_KEY, ACCOUNT_NAME
from tests.integration.client import Client
from tests.integration.messages import gated, job, output, task
from tests.integration.test_tasks import (
    test_a_failed_task_is_reported_with_its_exit_code_and_the_end_of_its_stderr as test_a_failed_task,
)
from tests.integration.test_tasks import (
    test_files_go_from_task_to_task_through_the_containers as test_files_of_tasks,
)

__all__ = ["test_a_failed_task", "test_files_of_tasks"]


async def test_signatures_of_nodes_allow_for_other_clocks_and_the_job_says_when_they_end(
    client: Client, job_id: str, tmp_path: Path
) -> None:
    work = gated("work", tmp_path / "gate", outputFiles=[output("../stdout.txt", "said.txt")])
    await client.submit(job(job_id, work, maxWallClockTime="P6D"))
    await client.wait_for_event(job_id, "job.running")
    added = (await client.batch.get_task(job_id, "work")).as_dict()
    signed = parse_qs(urlsplit(added["outputFiles"][0]["destination"]["container"]["containerUrl"]).query)
    now = datetime.now(UTC)
    assert datetime.fromisoformat(signed["skt"][0]) < now - timedelta(minutes=14)
    assert timedelta(days=6) < datetime.fromisoformat(signed["ske"][0]) - now < timedelta(days=7)
    told = datetime.fromisoformat((await client.job(job_id))["signaturesEnd"])
    assert told.replace(microsecond=0) == datetime.fromisoformat(signed["se"][0])
    (tmp_path / "gate").touch()
    assert (await client.outcome(job_id))["state"] == "succeeded"


async def test_a_job_that_asks_for_more_time_than_signatures_last_is_refused(
    client: Client, job_id: str
) -> None:
    made = task("t", "echo a > a.txt", outputFiles=[output("a.txt")])
    refused = await client.post("/jobs", job(job_id, made, maxWallClockTime="P30D"))
    assert (refused.status, refused.body["field"]) == (400, "maxWallClockTime")
    assert "must be at most PT10005M" in refused.body["detail"]


async def test_keys_and_what_they_sign_are_refused(stack: Stack) -> None:
    assert stack.endpoints.identity is not None
    url, trusted = stack.endpoints.blob, stack.endpoints.identity.trusted
    signature = generate_account_sas(
        ACCOUNT, KEY, resource_types="sco", permission="rl", expiry="2099-01-01T00:00Z"
    )
    for credential in ({"account_name": ACCOUNT, "account_key": KEY}, signature):
        async with BlobServiceClient(url, credential, connection_verify=trusted) as blobs:
            with pytest.raises(HttpResponseError) as refused:
                await blobs.get_container_client("batchmgr-jobs").exists()
            assert refused.value.status_code == 403
    key = AzureNamedKeyCredential(ACCOUNT_NAME, ACCOUNT_KEY)
    async with BatchClient(stack.endpoints.batch, key, connection_verify=trusted) as batch:
        with pytest.raises(HttpResponseError) as refused:
            await batch.get_job("any")
        assert refused.value.status_code == 403
