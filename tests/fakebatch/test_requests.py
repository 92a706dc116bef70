"""What holds for every request: authentication, conditions, validation, and the form of responses."""

import datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from fakebatch.quotas import Quotas
from fakebatch.server import Options, serving
from fakebatch.wire.shared_key import ACCOUNT_NAME
from tests.fakebatch.raw_http import Reply, request

_JOB = {"id": "job", "poolInfo": {"poolId": "later"}}


async def _post_task(endpoint: str, **task: Any) -> Reply:
    return await request(endpoint, "POST", "/jobs/job/tasks", {"id": "t", "commandLine": "true", **task})


async def test_every_answer_has_the_headers_of_the_service(endpoint: str) -> None:
    reply = await request(endpoint, "GET", "/pools/hpc")
    assert reply.headers["DataServiceVersion"] == "3.0"
    assert reply.headers["Server"] == "Microsoft-HTTPAPI/2.0"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert len(reply.headers["request-id"]) == 36
    assert reply.headers["Content-Type"] == "application/json;odata=minimalmetadata"
    assert reply.headers["ETag"] == reply.json["eTag"]
    assert "client-request-id" not in reply.headers


async def test_the_client_request_id_is_echoed_when_asked_for(endpoint: str) -> None:
    headers = {"client-request-id": "mine", "return-client-request-id": "true"}
    reply = await request(endpoint, "GET", "/pools/none", headers=headers)
    assert reply.status == 404
    assert reply.headers["client-request-id"] == "mine"


async def test_an_unsigned_request_is_refused(endpoint: str) -> None:
    reply = await request(endpoint, "GET", "/jobs", sign=False)
    assert (reply.status, reply.code) == (403, "AuthenticationFailed")


async def test_a_signature_does_not_cover_another_request(endpoint: str) -> None:
    forged = {
        "Authorization": f"SharedKey {ACCOUNT_NAME}:c2lnbmF0dXJl",
        "ocp-date": "Sun, 06 Nov 1994 08:49:37 GMT",
    }
    reply = await request(endpoint, "GET", "/jobs", headers=forged, sign=False)
    assert (reply.status, reply.code) == (403, "AuthenticationFailed")


@pytest.mark.parametrize(("minutes", "status"), [(-16, 403), (-14, 200), (14, 200), (16, 403)])
async def test_a_signature_holds_for_fifteen_minutes(endpoint: str, minutes: int, status: int) -> None:
    moment = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=minutes)
    reply = await request(
        endpoint, "GET", "/jobs", headers={"ocp-date": format_datetime(moment, usegmt=True)}
    )
    assert reply.status == status


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nonsense", 400, "InvalidUri"),
        ("POST", "/jobs/job/explode", 400, "InvalidUri"),
        ("GET", "/jobs/job/terminate", 405, "UnsupportedHttpVerb"),
        ("GET", "/jobs/none", 404, "JobNotFound"),
        ("GET", "/jobs/none/tasks", 404, "JobNotFound"),
        ("GET", "/jobs/none/taskcounts", 404, "JobNotFound"),
        ("GET", "/pools/none/nodes", 404, "PoolNotFound"),
        ("GET", "/pools/hpc/nodes/none", 404, "NodeNotFound"),
    ],
)
async def test_what_does_not_exist_has_an_error_body(
    endpoint: str, method: str, path: str, status: int, code: str
) -> None:
    reply = await request(endpoint, method, path)
    assert (reply.status, reply.code) == (status, code)
    assert reply.json["odata.metadata"].endswith("Container.errors/@Element")
    assert f"RequestId:{reply.headers['request-id']}" in reply.json["message"]["value"]


async def test_conditions_on_the_entity_tag_are_kept(endpoint: str) -> None:
    await request(endpoint, "POST", "/jobs", _JOB)
    tag = (await request(endpoint, "GET", "/jobs/job")).headers["ETag"]
    unchanged = await request(endpoint, "GET", "/jobs/job", headers={"If-None-Match": tag})
    assert (unchanged.status, unchanged.body) == (304, b"")
    quoted = {"If-Match": f'"{tag}"'}
    assert (await request(endpoint, "PATCH", "/jobs/job", {"priority": 1}, headers=quoted)).status == 200
    stale = await request(endpoint, "PATCH", "/jobs/job", {"priority": 2}, headers=quoted)
    assert (stale.status, stale.code) == (412, "ConditionNotMet")
    assert (await request(endpoint, "GET", "/jobs/job", headers={"If-None-Match": tag})).status == 200


async def test_conditions_on_the_time_are_kept(endpoint: str) -> None:
    await request(endpoint, "POST", "/jobs", _JOB)
    modified = (await request(endpoint, "GET", "/jobs/job")).headers["Last-Modified"]
    past = "Sun, 06 Nov 1994 08:49:37 GMT"
    assert (
        await request(endpoint, "GET", "/jobs/job", headers={"If-Modified-Since": modified})
    ).status == 304
    assert (await request(endpoint, "GET", "/jobs/job", headers={"If-Modified-Since": past})).status == 200
    refused = await request(endpoint, "DELETE", "/jobs/job", headers={"If-Unmodified-Since": past})
    assert (refused.status, refused.code) == (412, "ConditionNotMet")


async def test_a_created_job_is_always_located_at_job_1(endpoint: str) -> None:
    reply = await request(endpoint, "POST", "/jobs", _JOB)
    assert reply.status == 201
    assert reply.headers["Location"] == reply.headers["DataServiceId"] == f"{endpoint}/jobs/job-1"


async def test_ids_are_the_same_in_any_case(endpoint: str) -> None:
    await request(endpoint, "POST", "/jobs", _JOB)
    again = await request(endpoint, "POST", "/jobs", {**_JOB, "id": "JOB"})
    assert (again.status, again.code) == (409, "JobExists")
    assert (await _post_task(endpoint, id="Task")).status == 201
    assert (await _post_task(endpoint, id="tASK")).code == "TaskExists"
    assert (await request(endpoint, "GET", "/jobs/Job/tasks/TASK")).json["id"] == "Task"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"color": "red"}, "InvalidRequestBody"),
        ({"priority": "high"}, "InvalidRequestBody"),
        ({"priority": 1001}, "InvalidPropertyValue"),
        ({"maxParallelTasks": 0}, "InvalidPropertyValue"),
        ({"id": "a/b"}, "InvalidPropertyValue"),
        ({"id": "a" * 65}, "InvalidPropertyValue"),
        ({"id": None}, "MissingRequiredProperty"),
        ({"poolInfo": None}, "MissingRequiredProperty"),
        ({"onAllTasksComplete": "explode"}, "InvalidPropertyValue"),
        ({"constraints": {"maxWallClockTime": "1 hour"}}, "InvalidPropertyValue"),
        ({"jobReleaseTask": {"commandLine": "true"}}, "InvalidPropertyValue"),
        ({"jobManagerTask": {"id": "m"}}, "MissingRequiredProperty"),
        ({"networkConfiguration": {}}, "MissingRequiredProperty"),
        ({"networkConfiguration": {"skipWithdrawFromVNet": True}}, "MissingRequiredProperty"),
        ({"poolInfo": {}}, "InvalidPropertyValue"),
    ],
)
async def test_a_job_the_service_cannot_accept_is_refused(
    endpoint: str, changes: dict[str, Any], code: str
) -> None:
    reply = await request(endpoint, "POST", "/jobs", {**_JOB, **changes})
    assert (reply.status, reply.code) == (400, code)
    assert (await request(endpoint, "GET", "/jobs")).json["value"] == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"commandLine": None}, "MissingRequiredProperty"),
        ({"requiredSlots": 0}, "InvalidPropertyValue"),
        ({"resourceFiles": [{"filePath": "a"}]}, "InvalidPropertyValue"),
        ({"resourceFiles": [{"httpUrl": "http://x/"}]}, "MissingRequiredProperty"),
        ({"resourceFiles": [{"httpUrl": "http://x/", "filePath": "../a"}]}, "InvalidPropertyValue"),
        ({"resourceFiles": [{"httpUrl": "http://x/", "filePath": "/a"}]}, "InvalidPropertyValue"),
        (
            {"resourceFiles": [{"autoStorageContainerName": "c", "storageContainerUrl": "http://x/"}]},
            "InvalidPropertyValue",
        ),
        (
            {"requiredSlots": 2, "multiInstanceSettings": {"coordinationCommandLine": "true"}},
            "InvalidPropertyValue",
        ),
        ({"dependsOn": {"taskIds": ["a"]}}, "TaskDependenciesNotSpecifiedOnJob"),
        ({"exitConditions": {"default": {"jobAction": "terminate"}}}, "InvalidPropertyValue"),
    ],
)
async def test_a_task_the_service_cannot_accept_is_refused(
    endpoint: str, changes: dict[str, Any], code: str
) -> None:
    await request(endpoint, "POST", "/jobs", _JOB)
    reply = await _post_task(endpoint, **changes)
    assert (reply.status, reply.code) == (400, code)


async def test_a_list_of_dependencies_may_have_64000_characters(endpoint: str) -> None:
    await request(endpoint, "POST", "/jobs", {**_JOB, "usesTaskDependencies": True})
    allowed = [f"{number:064}" for number in range(1000)]
    assert (await _post_task(endpoint, dependsOn={"taskIds": allowed})).status == 201
    refused = await _post_task(endpoint, id="u", dependsOn={"taskIds": [*allowed, "x"]})
    assert (refused.status, refused.code) == (400, "TaskDependencyListTooLong")


async def test_a_collection_gives_each_task_a_result(endpoint: str) -> None:
    await request(endpoint, "POST", "/jobs", _JOB)
    await _post_task(endpoint, id="b")
    tasks = [{"id": "a", "commandLine": "true"}, {"id": "b", "commandLine": "true"}, {"id": "c"}]
    reply = await request(endpoint, "POST", "/jobs/job/addtaskcollection", {"value": tasks})
    assert reply.status == 200
    added, exists, incomplete = reply.json["value"]
    assert (added["status"], added["taskId"]) == ("Success", "a")
    assert (exists["status"], exists["error"]["code"]) == ("ClientError", "TaskExists")
    assert incomplete["error"]["code"] == "MissingRequiredProperty"


@pytest.mark.parametrize(("tasks", "filler", "status"), [(100, 0, 200), (101, 0, 413), (100, 10_000, 413)])
async def test_a_collection_is_bounded_in_tasks_and_bytes(
    endpoint: str, tasks: int, filler: int, status: int
) -> None:
    await request(endpoint, "POST", "/jobs", _JOB)
    body = {"value": [{"id": f"t{n}", "commandLine": "x" * (filler or 1)} for n in range(tasks)]}
    reply = await request(endpoint, "POST", "/jobs/job/addtaskcollection", body)
    assert reply.status == status
    if status == 413:
        assert reply.code == "RequestBodyTooLarge"
        assert (await request(endpoint, "GET", "/jobs/job/tasks")).json["value"] == []


async def test_a_collection_that_cannot_be_read_adds_nothing(endpoint: str) -> None:
    await request(endpoint, "POST", "/jobs", _JOB)
    tasks = [{"id": "a", "commandLine": "true"}, {"id": "b", "commandLine": "true", "color": "red"}]
    reply = await request(endpoint, "POST", "/jobs/job/addtaskcollection", {"value": tasks})
    assert (reply.status, reply.code) == (400, "InvalidRequestBody")
    assert (await request(endpoint, "GET", "/jobs/job/tasks")).json["value"] == []


async def test_a_request_names_the_version_of_the_protocol(endpoint: str) -> None:
    reply = await request(endpoint, "GET", "/jobs", query={"api-version": ""})
    assert (reply.status, reply.code) == (400, "MissingRequiredQueryParameter")


async def test_a_body_that_is_no_json_is_refused(endpoint: str) -> None:
    reply = await request(endpoint, "POST", "/jobs", b"{")
    assert (reply.status, reply.code) == (400, "InvalidRequestBody")


async def test_patching_replaces_objects_as_a_whole(endpoint: str) -> None:
    await request(endpoint, "POST", "/jobs", {**_JOB, "constraints": {"maxTaskRetryCount": 5}})
    await request(endpoint, "PATCH", "/jobs/job", {"constraints": {"maxWallClockTime": "PT90M"}})
    job = (await request(endpoint, "GET", "/jobs/job")).json
    assert job["constraints"] == {"maxWallClockTime": "PT1H30M", "maxTaskRetryCount": 0}


async def test_putting_a_job_resets_what_is_not_given(endpoint: str) -> None:
    await request(
        endpoint, "POST", "/jobs", {**_JOB, "priority": 7, "metadata": [{"name": "a", "value": "b"}]}
    )
    job = (await request(endpoint, "GET", "/jobs/job")).json
    assert (job["priority"], job["metadata"]) == (7, [{"name": "a", "value": "b"}])
    await request(endpoint, "PUT", "/jobs/job", {"poolInfo": {"poolId": "later"}})
    job = (await request(endpoint, "GET", "/jobs/job")).json
    assert job["priority"] == 0
    assert "metadata" not in job


async def test_terminatejob_cannot_be_taken_back(endpoint: str) -> None:
    await request(endpoint, "POST", "/jobs", _JOB)
    await _post_task(endpoint)
    assert (
        await request(endpoint, "PATCH", "/jobs/job", {"onAllTasksComplete": "terminatejob"})
    ).status == 200
    reply = await request(endpoint, "PATCH", "/jobs/job", {"onAllTasksComplete": "noaction"})
    assert (reply.status, reply.code) == (400, "InvalidPropertyValue")


async def test_the_quota_of_active_jobs_is_kept(endpoint: str) -> None:
    for number in range(10):
        assert (await request(endpoint, "POST", "/jobs", {**_JOB, "id": f"j{number}"})).status == 201
    reply = await request(endpoint, "POST", "/jobs", _JOB)
    assert (reply.status, reply.code) == (409, "ActiveJobAndScheduleQuotaReached")


async def test_the_quota_of_pools_is_kept(tmp_path: Path) -> None:
    pool: dict[str, object] = {"id": "first", "vmSize": "small", "targetDedicatedNodes": 0}
    async with serving(Options(root=tmp_path, pools=(pool,), quotas=Quotas(pools=2))) as endpoint:
        body = {"vmSize": "small"}
        assert (await request(endpoint, "POST", "/pools", {"id": "second", **body})).status == 201
        reply = await request(endpoint, "POST", "/pools", {"id": "third", **body})
        assert (reply.status, reply.code) == (409, "PoolQuotaReached")
        assert (await request(endpoint, "POST", "/pools", {"id": "second", **body})).code == "PoolExists"
