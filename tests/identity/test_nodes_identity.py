"""Nodes that have an identity do everything with it, and no more than its role allows."""

import itertools
import json
import re
import shlex
import ssl
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from batchmgr.devstack.local_identities import NODES
from batchmgr.devstack.stack import Stack, running_stack
from tests.identity.roles import Roles, changeable_roles
from tests.integration.client import Client
from tests.integration.messages import Json, job, output, task
from tests.integration.stack_options import stack_options

pytestmark = pytest.mark.without_keys  # these tests have a stack of their own

GENOME = b">two windows\n" + b"ACGTTGCAAC" * 40 + b"\n"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stack(azurite: None) -> AsyncIterator[Stack]:
    """A stack in which nodes have an identity."""
    async with running_stack(stack_options(identity="nodes", patient=True)) as running:
        yield running


@pytest.fixture
async def roles_of_nodes(stack: Stack) -> AsyncIterator[Roles]:
    assert stack.endpoints.identity is not None
    async with changeable_roles(stack.endpoints.identity, NODES.client_id) as changed:
        yield changed


async def has_written_the_finalize_blob(client: Client, job_id: str) -> bool:
    """Return whether the FinalizeTask has uploaded its only file: it would have failed else."""
    task = await client.batch.get_task(job_id, "batchmgr-finalize")
    return task.execution_info is not None and task.execution_info.result == "success"


async def test_a_workload_reads_writes_reports_and_ends_by_the_identity(
    client: Client, job_id: str, roles_of_nodes: Roles
) -> None:
    await client.upload(f"{job_id}/genome.fa", GENOME)
    inputs = {"genome": f"inputs/{job_id}/genome.fa", "windows": 2, "k": 2}
    await client.submit({"jobId": job_id, "workload": "genome_kmers", "inputs": inputs})
    outcome = await client.outcome(job_id)
    assert outcome["state"] == "succeeded", outcome
    assert [one["taskId"] for one in outcome["taskResults"]] == ["batchmgr-finalize"]
    assert await has_written_the_finalize_blob(client, job_id)
    assert await roles_of_nodes.issued_tokens("https://storage.azure.com") > 0
    listed = [bodies async for bodies in client.batch.list_tasks(job_id)]
    assert listed
    signed = re.findall(r"https?://[^'\" ]*sig=", str([one.as_dict() for one in listed]))
    assert len(signed) == 1
    assert "/batchmgr-finalize?" in signed[0]
    assert "sr=b" in signed[0]


async def test_a_job_is_planned_on_a_node_and_its_tasks_use_the_identity(client: Client, job_id: str) -> None:
    planned = {"tasks": [task("made", "echo made > made.txt", outputFiles=[output("made.txt")])]}
    script = f"echo {shlex.quote(json.dumps(planned))} > batchmgr-tasks.json"
    manager = {"commandLine": f"/bin/sh -c {shlex.quote(script)}"}
    await client.submit({"jobId": job_id, "workload": "planned_there", "jobManagerTask": manager})
    outcome = await client.outcome(job_id)
    assert outcome["state"] == "succeeded", outcome
    assert await client.read(job_id, "made.txt") == b"made\n"


@pytest.mark.parametrize("file", ["input", "output"])
async def test_a_node_without_the_role_fails_its_task_and_one_that_has_it_again_does_not(
    client: Client, job_id: str, roles_of_nodes: Roles, file: str
) -> None:
    await client.upload(f"{job_id}/word.txt", b"alpha\n")
    words = {"containerName": "inputs", "sourceBlobPath": f"{job_id}/word.txt", "targetFilePath": "word.txt"}
    fields: Json = {"inputFiles": [words]} if file == "input" else {"outputFiles": [output("made.txt")]}
    before = await roles_of_nodes.now()
    await roles_of_nodes.assign([])
    await client.submit(job(f"{job_id}-without", task("one", "echo made > made.txt", **fields)))
    outcome = await client.outcome(f"{job_id}-without")
    assert outcome["state"] == "failed"
    assert outcome["error"]["code"] == {"input": "BlobAccessDenied", "output": "FileUploadAccessDenied"}[file]
    await roles_of_nodes.assign(before)
    await client.submit(job(f"{job_id}-with", task("one", "echo made > made.txt", **fields)))
    assert (await client.outcome(f"{job_id}-with"))["state"] == "succeeded"


async def test_nodes_can_neither_read_nor_write_what_is_batchmgrs_own(stack: Stack, client: Client) -> None:
    identity = stack.endpoints.identity
    assert identity is not None
    asked = {"api-version": "2018-02-01", "resource": "https://storage.azure.com/"}
    asked["msi_res_id"] = identity.node_resource_id
    metadata = f"{identity.url}/metadata/identity/oauth2/token"
    async with client.http.get(metadata, params=asked, headers={"Metadata": "true"}) as answer:
        token = (await answer.json())["access_token"]
    headers = {"Authorization": f"Bearer {token}", "x-ms-version": "2021-12-02"}
    headers["x-ms-blob-type"] = "BlockBlob"
    trust = ssl.create_default_context(cafile=identity.trusted)
    await client.upload("word.txt", b"alpha\n")
    statuses: dict[str, set[tuple[int, int]]] = {}
    containers = ("inputs", "batchmgr-finalize", "batchmgr-jobs", "batchmgr-events", "batchmgr-requests")
    for container, of_host in itertools.product(containers, ("", "localhost")):
        url = f"{stack.endpoints.blob}/{container}"
        headers |= {"Host": of_host or urlsplit(url).netloc}  # another name of the same account
        listing = {"restype": "container", "comp": "list"}
        async with (
            client.http.get(url, params=listing, headers=headers, ssl=trust) as listed,
            client.http.put(f"{url}/planted", data=b"x", headers=headers, ssl=trust) as written,
        ):
            statuses.setdefault(container, set()).add((listed.status, written.status))
    assert statuses == {
        "inputs": {(200, 201)},
        "batchmgr-finalize": {(403, 403)},
        "batchmgr-jobs": {(403, 403)},
        "batchmgr-events": {(403, 403)},
        "batchmgr-requests": {(403, 403)},
    }
