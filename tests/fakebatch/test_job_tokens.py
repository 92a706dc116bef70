"""The tokens with which tasks call the operations of their job."""

from typing import Any

import pytest
from azure.batch.aio import BatchClient

from tests.fakebatch.driving import ended, shell, text_of
from tests.fakebatch.raw_http import Reply, request

_VERSION = {"api-version": "2024-02-01.19.0"}
_ECHO = shell("echo $AZ_BATCH_AUTHENTICATION_TOKEN")


async def _post(endpoint: str, path: str, body: Any) -> Reply:
    return await request(endpoint, "POST", path, body, query=_VERSION)


async def _token(endpoint: str, batch: BatchClient, job_id: str = "job") -> str:
    assert (await _post(endpoint, "/jobs", {"id": job_id, "poolInfo": {"poolId": "hpc"}})).status == 201
    task = {"id": "t", "commandLine": _ECHO, "authenticationTokenSettings": {"access": ["job"]}}
    assert (await _post(endpoint, f"/jobs/{job_id}/tasks", task)).status == 201
    await ended(batch, "t", job_id)
    return (await text_of(batch, "t", job_id=job_id)).strip()


async def _with(token: str, endpoint: str, method: str, path: str, body: Any = None) -> Reply:
    headers = {"Authorization": f"Bearer {token}"}
    return await request(endpoint, method, path, body, headers=headers, sign=False)


async def test_a_task_uses_the_operations_of_its_job(endpoint: str, batch: BatchClient) -> None:
    token = await _token(endpoint, batch)
    task = {"id": "more", "commandLine": "true"}
    assert (await _with(token, endpoint, "POST", "/jobs/job/tasks", task)).status == 201
    await ended(batch, "more")
    for path in ("/jobs/job", "/jobs/JOB/taskcounts", "/jobs/job/tasks/more/files"):
        assert (await _with(token, endpoint, "GET", path)).status == 200
    assert (await _with(token, endpoint, "POST", "/jobs/job/terminate")).status == 202


async def test_its_token_is_good_for_nothing_else(endpoint: str, batch: BatchClient) -> None:
    token = await _token(endpoint, batch)
    await _token(endpoint, batch, "job2")
    for path in (
        "/jobs",
        "/jobs/job2",
        "/jobs/job2/tasks/t",
        "/pools",
        "/pools/hpc/nodes",
        "/jobs/job%2F..%2Fjob2",
    ):
        reply = await _with(token, endpoint, "GET", path)
        assert (reply.status, reply.code) == (403, "Forbidden"), path


@pytest.mark.parametrize(
    "spoil", [lambda token: token[:-1], lambda token: token.replace(".", ".x", 1), lambda _: "é"]
)
async def test_a_token_that_was_not_issued_is_refused(endpoint: str, batch: BatchClient, spoil: Any) -> None:
    token = spoil(await _token(endpoint, batch))
    reply = await _with(token, endpoint, "GET", "/jobs/job")
    assert (reply.status, reply.code) == (403, "AuthenticationFailed")


async def test_a_job_manager_has_a_token_where_it_asks_for_one(endpoint: str, batch: BatchClient) -> None:
    manager = {"id": "m", "commandLine": _ECHO, "authenticationTokenSettings": {"access": ["job"]}}
    for job_id, task in (("with", manager), ("without", {"id": "m", "commandLine": _ECHO})):
        body = {"id": job_id, "poolInfo": {"poolId": "hpc"}, "jobManagerTask": task}
        assert (await _post(endpoint, "/jobs", body)).status == 201
        await ended(batch, "m", job_id)
    token = (await text_of(batch, "m", job_id="with")).strip()
    assert (await _with(token, endpoint, "GET", "/jobs/with/tasks/m")).status == 200
    assert await text_of(batch, "m", job_id="without") == "\n"


@pytest.mark.parametrize("access", [["pool"], "job"])
async def test_access_to_anything_else_is_refused(endpoint: str, access: Any) -> None:
    assert (await _post(endpoint, "/jobs", {"id": "job", "poolInfo": {"poolId": "hpc"}})).status == 201
    task = {"id": "t", "commandLine": "true", "authenticationTokenSettings": {"access": access}}
    assert (await _post(endpoint, "/jobs/job/tasks", task)).status == 400


async def test_later_versions_have_no_tokens(endpoint: str) -> None:
    assert (await _post(endpoint, "/jobs", {"id": "job", "poolInfo": {"poolId": "hpc"}})).status == 201
    task = {"id": "t", "commandLine": "true", "authenticationTokenSettings": {"access": ["job"]}}
    assert (await request(endpoint, "POST", "/jobs/job/tasks", task)).status == 400
