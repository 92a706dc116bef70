"""An invalid request is reported with its field: at once over HTTP, by a rejected job on the queue."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.client import POISON, Client
from tests.integration.messages import Json, gated, job, output, task
from tests.integration.receiver import Receiver, receiving
from tests.integration.wait_until import until


def _with_input(**fields: Any) -> Json:
    source = {"containerName": "inputs", "sourceBlobPath": "a.txt", "targetFilePath": "a.txt"}
    return {"tasks": [task("t", inputFiles=[source | fields])]}


def _with_output(**fields: Any) -> Json:
    return {"tasks": [task("t", outputFiles=[output("a.txt") | fields])]}


TARGET = "tasks[0].inputFiles[0].targetFilePath"
SOURCE = "tasks[0].inputFiles[0].sourceBlobPath"

BAD_FIELDS: dict[str, tuple[Json, str]] = {
    "no work": ({"tasks": []}, "workload"),
    "two kinds of work": ({"workload": "genome_kmers"}, "workload"),
    "unknown workload": ({"tasks": [], "workload": "no_such"}, "workload"),
    "missing input": ({"tasks": [], "workload": "genome_kmers"}, "inputs.genome"),
    "unknown field": ({"colour": "blue"}, "colour"),
    "unknown field of a task": ({"tasks": [task("t", colour="blue")]}, "tasks[0].colour"),
    "wrong type": ({"tasks": "many"}, "tasks"),
    "wrong type inside": ({"tasks": [task("t", environment={"N": 1})]}, "tasks[0].environment.N"),
    "other version": ({"version": 2}, "version"),
    "no command": ({"tasks": [{"id": "t", "commandLine": " "}]}, "tasks[0].commandLine"),
    "missing command": ({"tasks": [{"id": "t"}]}, "tasks[0].commandLine"),
    "bad task id": ({"tasks": [task("a b")]}, "tasks[0].id"),
    "reserved task id": ({"tasks": [task("batchmgr-finalize")]}, "tasks[0].id"),
    "ids that differ in case": ({"tasks": [task("Align"), task("align")]}, "tasks[1].id"),
    "equal ids": ({"tasks": [task("align"), task("align")]}, "tasks[1].id"),
    "cycle": ({"tasks": [task("a", dependsOn=["b"]), task("b", dependsOn=["a"])]}, "tasks"),
    "waiting for itself": ({"tasks": [task("a", dependsOn=["a"])]}, "tasks"),
    "unknown dependency": ({"tasks": [task("a", dependsOn=["z"])]}, "tasks[0].dependsOn[0]"),
    "path to above": (_with_input(targetFilePath="../../etc/passwd"), TARGET),
    "path through above": (_with_input(targetFilePath="a/../../b"), TARGET),
    "absolute path": (_with_input(targetFilePath="/etc/passwd"), TARGET),
    "backslash": (_with_input(targetFilePath="..\\..\\b"), TARGET),
    "drive": (_with_input(targetFilePath="C:/b"), TARGET),
    "NUL": (_with_input(targetFilePath="a\0b"), TARGET),
    "blob above": (_with_input(sourceBlobPath="../secrets/a.txt"), SOURCE),
    "bad container": (_with_input(containerName="a/b"), "tasks[0].inputFiles[0].containerName"),
    "file URL": (
        {"tasks": [task("t", inputFiles=[{"httpUrl": "file:///etc/passwd", "targetFilePath": "a"}])]},
        "tasks[0].inputFiles[0].httpUrl",
    ),
    "output from above": (
        _with_output(sourceFilePath="../../secret"),
        "tasks[0].outputFiles[0].sourceFilePath",
    ),
    "output to above": (_with_output(targetBlobPath="../a.txt"), "tasks[0].outputFiles[0].targetBlobPath"),
    "NUL in a variable": ({"tasks": [task("t", environment={"A": "\0"})]}, "tasks[0].environment.A"),
    "bad variable": ({"tasks": [task("t", environment={"A B": "c"})]}, "tasks[0].environment.A B"),
    "variable of Azure Batch": (
        {"tasks": [task("t", environment={"AZ_BATCH_JOB_ID": "x"})]},
        "tasks[0].environment.AZ_BATCH_JOB_ID",
    ),
    "foreign callback": ({"callBackUri": "https://elsewhere.example/hook"}, "callBackUri"),
    "local network callback": ({"callBackUri": "http://169.254.169.254/metadata"}, "callBackUri"),
    "callback to no URL": ({"callBackUri": "call me"}, "callBackUri"),
    "callback to a file": ({"callBackUri": "file:///etc/passwd"}, "callBackUri"),
    "callback into a zone": ({"callBackUri": "http://[::1%25.localhost]/"}, "callBackUri"),
    "callback to no port": ({"callBackUri": "http://localhost:99999/"}, "callBackUri"),
    "callback with a password": ({"callBackUri": "http://me:word@localhost/"}, "callBackUri"),
    "callback that two parsers read in two ways": (
        {"callBackUri": "http://localhost\\@169.254.169.254/"},
        "callBackUri",
    ),
    "callback to a number": ({"callBackUri": "http://2130706433/"}, "callBackUri"),
    "inputs that are too deep": (
        {"tasks": [], "workload": "genome_kmers", "inputs": json.loads('{"a":' * 99 + "1" + "}" * 99)},
        "inputs",
    ),
    "sweep without end": (
        {
            "tasks": [],
            "taskFactory": {
                "type": "parametricSweep",
                "parameters": {f"p{n}": {"start": 1, "end": 100_000} for n in range(60)},
                "repeatTask": {"commandLine": "x"},
            },
        },
        "taskFactory.parameters",
    ),
    "negative time": ({"maxWallClockTime": "-PT1H"}, "maxWallClockTime"),
    "time that is none": ({"maxWallClockTime": "1 hour"}, "maxWallClockTime"),
    "bad pattern": ({"notify": ["everything!"]}, "notify[0]"),
    "a queue's own field": ({"id": "x"}, "id"),
    "another one": ({"dequeueCount": 99}, "dequeueCount"),
}
"""What is added to a valid message, and the field that the response has to name."""

BAD_KINDS = (
    *("no work", "missing input", "unknown field of a task", "wrong type inside", "cycle", "path to above"),
    *("foreign callback", "sweep without end", "negative time", "a queue's own field", "another one"),
)
"""One of each check. The queue's messages pass the same ones as requests."""

BAD_IDS = ("with space", "a/b", "../a", "ü", "a" * 65, "a.b")

NO_JSON_OBJECTS = {
    "nothing": b"",
    "no JSON": b"jobId=1",
    "cut off": b'{"jobId": "a"',
    "no UTF-8": b'{"jobId": "\xff\xfe"}',
    "an array": b'[{"jobId": "a"}]',
    "a string": b'"a"',
    "too deep": b"[" * 100_000,
}


@pytest.mark.parametrize(("fields", "field"), BAD_FIELDS.values(), ids=BAD_FIELDS)
async def test_a_bad_request_is_a_problem_that_names_its_field_and_has_no_effect(
    client: Client, job_id: str, fields: Json, field: str
) -> None:
    answer = await client.post("/jobs", job(job_id) | fields)
    assert answer.status == 400, answer.text
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert answer.body["field"] == field
    assert answer.body["detail"]
    assert answer.body["errors"][0]["pointer"].startswith("#/")
    assert (await client.get(f"/jobs/{job_id}")).status == 404


@pytest.mark.parametrize("bad", BAD_IDS)
async def test_a_bad_id_is_a_problem(client: Client, bad: str) -> None:
    answer = await client.post("/jobs", job(bad))
    assert (answer.status, answer.body["field"]) == (400, "jobId")


@pytest.mark.parametrize("body", NO_JSON_OBJECTS.values(), ids=NO_JSON_OBJECTS)
async def test_a_body_that_is_not_a_json_object_is_a_problem(client: Client, body: bytes) -> None:
    answer = await client.post("/jobs", body)
    assert answer.status == 400, answer.text
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert answer.body["detail"]


async def test_a_body_that_is_too_large_is_a_problem_that_tells_the_way(client: Client) -> None:
    answer = await client.post("/jobs", b" " * (8 * 1024 * 1024 + 1))
    assert answer.status == 413
    assert answer.body["status"] == 413
    assert "POST /api/uploads" in answer.body["detail"]


async def test_a_task_above_a_megabyte_is_a_problem(client: Client, job_id: str) -> None:
    large = {"id": "u", "commandLine": "x" * 1_000_000}
    answer = await client.post("/jobs", job(job_id, task("t"), large))
    assert (answer.status, answer.body["field"]) == (400, "tasks[1]")


async def test_a_bad_message_on_the_queue_is_a_rejected_job_that_names_its_field(
    client: Client, job_id: str
) -> None:
    ids = {name: f"{job_id}-{number}" for number, name in enumerate(BAD_KINDS)}
    for name in BAD_KINDS:
        await client.send(job(ids[name]) | BAD_FIELDS[name][0])
    for name in BAD_KINDS:
        field = BAD_FIELDS[name][1]
        outcome = await client.outcome(ids[name])
        assert (name, outcome["state"], outcome["error"].get("field")) == (name, "rejected", field)
        assert outcome["error"]["message"]
        (event,) = await client.events(ids[name])
        assert (event["type"], event["sequence"]) == ("batchmgr.job.rejected", "0000000001")
        assert event["data"]["error"] == outcome["error"]
    assert await client.batch_job_ids(ids.values()) == []


async def test_a_rejected_job_sends_its_callback(client: Client, receiver: Receiver, job_id: str) -> None:
    await client.send(job(job_id, colour="blue", callBackUri=receiver.uri))
    call = await receiver.call()
    assert (call.body["StatusCode"], call.body["Output"]["state"]) == ("400", "rejected")
    assert call.body["Error"] == {"ErrorCode": "InvalidJob", "Message": "colour: unknown field"}
    await client.wait_until_delivered(job_id)
    assert len(receiver.calls) == 1


async def test_a_message_without_a_readable_id_goes_to_the_poison_queue_byte_for_byte(client: Client) -> None:
    # The queue accepts no empty message, and none above 64 KiB.
    bodies = [body for name, body in NO_JSON_OBJECTS.items() if name not in {"nothing", "too deep"}]
    bodies += [json.dumps(job(bad), ensure_ascii=False).encode() for bad in BAD_IDS]
    bodies += [b'{ "jobId": 17,\r\n"tasks":[] }', b'{"storedJobId": "never-stored"}']
    await client.take(POISON)
    for body in bodies:
        await client.send(body)
    kept: list[bytes] = []

    async def all_kept() -> bool:
        kept.extend(await client.take(POISON))
        return len(kept) >= len(bodies)

    await until(all_kept)
    assert sorted(kept) == sorted(bodies)


async def test_a_bad_message_without_a_job_id_is_rejected_under_its_message_id(
    client: Client,
) -> None:
    # The host may confuse such fields with its own metadata.
    bad: dict[str, Json] = {name: {name: "another"} for name in ("colour", "id", "dequeueCount")}
    without_id = {name: value for name, value in job("").items() if name != "jobId"}
    ids = {name: await client.send(without_id | fields) for name, fields in bad.items()}
    for name, message_id in ids.items():
        outcome = await client.outcome(f"q-{message_id}")
        assert (outcome["state"], outcome["error"]["field"]) == ("rejected", name)


async def test_a_bad_message_does_not_change_a_running_job_with_its_id(
    client: Client, job_id: str, tmp_path: Path
) -> None:
    async with receiving() as receiver, receiving() as stranger:
        good = job(job_id, gated("slow", tmp_path / "gate"), callBackUri=receiver.uri)
        await client.submit(good)
        await client.take(POISON)
        bad = [
            json.dumps(good | {"colour": "blue", "callBackUri": stranger.uri}).encode(),
            json.dumps(good | {"metadata": {"other": "content"}, "callBackUri": stranger.uri}).encode(),
        ]
        for body in bad:
            await client.send(body)
        kept: list[bytes] = []

        async def all_kept() -> bool:
            kept.extend(await client.take(POISON))
            return len(kept) >= len(bad)

        await until(all_kept)
        assert sorted(kept) == sorted(bad)
        (tmp_path / "gate").touch()
        call = await receiver.call()
        assert call.body["Output"]["state"] == "succeeded"
        await client.wait_until_delivered(job_id)
        assert "job.rejected" not in await client.types(job_id)
        assert (len(receiver.calls), stranger.calls) == (1, [])


async def test_a_missing_pool_rejects_the_job_with_the_reason(
    client: Client, receiver: Receiver, job_id: str
) -> None:
    await client.submit(job(job_id, poolId="no-such-pool", callBackUri=receiver.uri))
    call = await receiver.call()
    assert (call.body["StatusCode"], call.body["Output"]["state"]) == ("400", "rejected")
    assert call.body["Error"]["ErrorCode"] == "PoolNotFound"
    assert await client.batch_state(job_id) == "gone"
