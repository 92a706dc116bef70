"""What tasks leave, over HTTP: while they run, after their node has gone, and as links for anybody."""

import ssl
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from azure.batch.models import BatchPoolCreateOptions, BatchPoolResizeOptions
from yarl import URL

from batchmgr.devstack.stack import Stack
from tests.integration.client import Answer, Client
from tests.integration.messages import gated, job, output, task
from tests.integration.receiver import Receiver
from tests.integration.wait_until import until

FAILS = "echo made; echo oh no >&2; exit 3"


MANY = 200


@pytest.fixture
async def plain(stack: Stack) -> AsyncIterator[aiohttp.ClientSession]:
    """A client that knows nothing of batchmgr, but the certificate of a stack without keys."""
    identity = stack.endpoints.identity
    trust = ssl.create_default_context(cafile=identity.trusted) if identity else True
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as session:
        yield session


async def part(client: Client, path: str, *, span: str = "", **query: str) -> Answer:
    url = URL(f"{client.address}/api{path}", encoded=True).update_query(query)
    return await client._call("GET", url, headers={"Range": span} if span else {}, allow_redirects=False)


async def test_what_a_failed_task_has_written_is_read_after_its_node_has_gone(
    client: Client, job_id: str
) -> None:
    pool = f"{job_id}-pool"
    await client.batch.create_pool(BatchPoolCreateOptions(id=pool, vm_size="small", target_dedicated_nodes=1))
    await client.submit(job(job_id, task("Bad", FAILS), task("good", "echo fine"), poolId=pool))
    await client.outcome(job_id)
    files = f"/jobs/{job_id}/tasks/bad/files"
    answer = await part(client, f"{files}/stderr.txt")
    assert (answer.status, answer.text, answer.headers["X-Batchmgr-Source"]) == (200, "oh no\n", "node")
    assert {file["source"] for file in (await part(client, files)).body["files"]} == {"node"}

    await client.batch.begin_resize_pool(
        pool, BatchPoolResizeOptions(target_dedicated_nodes=0), polling_interval=0
    )

    async def is_gone() -> bool:
        return not [node async for node in client.batch.list_nodes(pool)]

    await until(is_gone)
    for name, text in (("stderr.txt", "oh no\n"), ("stdout.txt", "made\n")):
        answer = await part(client, f"{files}/{name}")
        assert (answer.status, answer.text, answer.headers["X-Batchmgr-Source"]) == (200, text, "storage")
    answer = await part(client, f"{files}/stderr.txt", span="bytes=-3")
    assert (answer.status, answer.text, answer.headers["Content-Range"]) == (206, "no\n", "bytes 3-5/6")
    listed = (await part(client, files)).body["files"]
    assert [(file["path"], file["source"]) for file in listed] == [
        ("stderr.txt", "storage"),
        ("stdout.txt", "storage"),
    ]
    answer = await part(client, f"/jobs/{job_id}/tasks/good/files/stdout.txt")
    assert (answer.status, "BATCHMGR_KEEP_TASK_FILES" in answer.text) == (410, True)
    await client.batch.begin_delete_pool(pool, polling_interval=0)


async def test_a_file_of_a_running_task_is_followed_by_ranges(
    client: Client, job_id: str, tmp_path: Path
) -> None:
    script = f"echo first; until test -e {tmp_path}/go; do sleep 0.1; done; echo second"
    await client.submit(job(job_id, task("t", script)))
    path, got = f"/jobs/{job_id}/tasks/t/files/stdout.txt", ""

    async def more() -> str:
        nonlocal got
        answer = await part(client, path, span=f"bytes={len(got)}-")
        if answer.status == 206:
            got += answer.text
        assert answer.status in {206, 404, 416}, answer.text
        return got

    async def first() -> bool:
        return await more() == "first\n"

    async def both() -> bool:
        return await more() == "first\nsecond\n"

    await until(first)
    assert (await part(client, path, span="bytes=6-")).headers["Content-Range"] == "bytes */6"
    (tmp_path / "go").touch()
    await until(both)


async def test_a_path_that_leads_elsewhere_is_refused_however_it_is_encoded(
    client: Client, job_id: str, tmp_path: Path
) -> None:
    await client.submit(job(job_id, task("a", "mkdir x; echo 1 > x/1.txt"), gated("b", tmp_path / "go")))

    async def is_there() -> bool:
        return (await part(client, f"/jobs/{job_id}/tasks/a/files/wd/x/1.txt")).status == 200

    await until(is_there)
    for path in (
        "..%2F..%2Fb/stdout.txt",
        "%2e%2e%2fb%2fstdout.txt",
        "..%5Cb%5Cstdout.txt",
        "wd%252F..%252Fstdout.txt",
        "%2Fetc%2Fpasswd",
        "wd/x%00",
    ):
        answer = await part(client, f"/jobs/{job_id}/tasks/a/files/{path}")
        assert answer.status in {400, 404}, (path, answer.text)
        assert "root:" not in answer.text
    (tmp_path / "go").touch()
    await client.outcome(job_id)


async def test_a_result_is_followed_by_a_client_that_knows_no_key(
    client: Client, plain: aiohttp.ClientSession, job_id: str
) -> None:
    made = task("t", "echo made > made.txt", outputFiles=[output("made.txt", "out/made it.txt")])
    await client.submit(job(job_id, made))
    await client.outcome(job_id)
    path = f"/jobs/{job_id}/results/out/made%20it.txt"
    answer = await part(client, path)
    assert (answer.status, answer.headers["Cache-Control"]) == (302, "no-store")
    async with plain.get(URL(answer.headers["Location"], encoded=True)) as followed:
        assert (followed.status, await followed.text()) == (200, "made\n")
    link = (await part(client, path, redirect="false")).body
    assert (link["name"], link["size"]) == ("out/made it.txt", 5)
    async with plain.get(URL(link["uri"], encoded=True), headers={"Range": "bytes=1-2"}) as followed:
        assert (followed.status, await followed.text()) == (206, "ad")
    async with plain.delete(URL(link["uri"], encoded=True)) as refused:
        assert refused.status == 403
    assert (await part(client, f"/jobs/{job_id}/results/none")).status == 404


async def test_an_input_is_brought_by_a_link_and_read_by_a_task(
    client: Client, plain: aiohttp.ClientSession, job_id: str
) -> None:
    path = f"{job_id}/words.txt"
    granted = (await client.post("/uploads", {"container": "brought", "path": path})).body
    uri = URL(granted["uploadUri"], encoded=True)
    async with plain.request(granted["method"], uri, headers=granted["headers"], data=b"brought\n") as answer:
        assert answer.status == 201
    read = {"containerName": "brought", "sourceBlobPath": path, "targetFilePath": "in.txt"}
    await client.submit(job(job_id, task("t", "grep brought in.txt", inputFiles=[read])))
    assert (await client.outcome(job_id))["state"] == "succeeded"


async def test_one_bug_in_200_tasks_is_one_group_in_the_list_the_result_and_the_callback(
    client: Client, receiver: Receiver, job_id: str, tmp_path: Path
) -> None:
    program = tmp_path / "bug.py"
    program.write_text("import sys\nraise ValueError(f'chunk {sys.argv[1]} of {sys.argv[1]}.csv is bad')\n")
    factory = {
        "type": "parametricSweep",
        "parameters": {"n": {"start": 1, "end": MANY}},
        "repeatTask": {"displayName": "count {n}", "commandLine": f"{sys.executable} {program} {{n}}"},
    }
    message = {"jobId": job_id, "taskFactory": factory, "callBackUri": receiver.uri}
    await client.submit(message)
    outcome = await client.outcome(job_id)
    failures = (await part(client, f"/jobs/{job_id}/failures")).body
    (group,) = failures["groups"]
    assert (failures["failed"], group["count"], group["exitCode"]) == (MANY, MANY, 1)
    assert (group["type"], group["message"]) == ("ValueError", "chunk <n> of <path> is bad")
    assert "Traceback" in group["traceback"]
    assert len(group["tasks"]) == 5
    assert group["firstTask"] == group["tasks"][0]
    (told,) = outcome["failureGroups"]
    assert (told["count"], told["message"]) == (MANY, group["message"])
    await client.wait_until_delivered(job_id)
    (called,) = (await receiver.call()).body["Output"]["failureGroups"]
    assert called == told
