"""What a job tries to reach that is not its own, sent to the running stack as an attacker would send it."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from yarl import URL

from batchmgr.plan.ids import job_container
from tests.integration.client import Client
from tests.integration.messages import Json, gated, job, output, task

RESERVED = (
    "azure-webjobs-secrets",
    "batchmgr-jobs",
    "app-package-a-0a1b",
    "scm-releases",
    "$logs",
    "job-theirs",
)
IDENTITY = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i"

ELSEWHERE = "https://files.example.com/acct"
"""An account under a name of its own, which is an emulator here: its name is in the path."""

Message = Callable[[str, str], Json]

BLOCK_BLOB = {"x-ms-blob-type": "BlockBlob"}


def _reads(**fields: Any) -> Json:
    return {"sourceBlobPath": "host.json", "targetFilePath": "host.json", **fields}


def _downloads(url: str, **fields: Any) -> Json:
    return {"httpUrl": url, "targetFilePath": "host.json", **fields}


def _tasks(**fields: Any) -> Json:
    return {"tasks": [task("t", **fields)]}


def _factory(factory: str, **fields: Any) -> Json:
    sources = {"taskPerFile": {"source": {"containerName": "inputs"}}}
    default = {"parameters": {"n": {"start": 1, "end": 3}}}
    repeat = {"repeatTask": {"commandLine": "cat {0}"}}
    return {
        "tasks": [],
        "taskFactory": {"type": factory, **sources.get(factory, default), **repeat, **fields},
    }


WAYS: dict[str, tuple[Message, str]] = {
    "input file": (
        lambda c, _: _tasks(inputFiles=[_reads(containerName=c)]),
        "tasks[0].inputFiles[0].containerName",
    ),
    "prefix": (
        lambda c, _: _tasks(inputFiles=[_reads(containerName=c, sourceBlobPath="a/")]),
        "tasks[0].inputFiles[0].containerName",
    ),
    "output file": (
        lambda c, _: _tasks(outputFiles=[output("a.txt", containerName=c)]),
        "tasks[0].outputFiles[0].containerName",
    ),
    "named account": (
        lambda c, _: _tasks(
            outputFiles=[output("a.txt", containerName=c, storageAccountName="devstoreaccount1")]
        ),
        "tasks[0].outputFiles[0].containerName",
    ),
    "other account": (
        lambda c, _: _tasks(
            inputFiles=[_reads(containerName=c, storageAccountName="other", identityReference=IDENTITY)]
        ),
        "tasks[0].inputFiles[0].containerName",
    ),
    "URL": (
        lambda c, root: _tasks(inputFiles=[_downloads(f"{root}{c}/host.json?sv=1&sig=x")]),
        "tasks[0].inputFiles[0].httpUrl",
    ),
    "URL with an identity": (
        lambda c, _: _tasks(
            inputFiles=[
                _downloads(f"https://acct.blob.core.windows.net/{c}/host.json", identityReference=IDENTITY)
            ]
        ),
        "tasks[0].inputFiles[0].httpUrl",
    ),
    "URL of a host that nobody knows, with an identity": (
        lambda c, _: _tasks(
            inputFiles=[_downloads(f"{ELSEWHERE}/{c}/host.json", identityReference=IDENTITY)]
        ),
        "tasks[0].inputFiles[0].httpUrl",
    ),
    "common file of an MPI task": (
        lambda c, _: _tasks(
            multiInstanceSettings={
                "numberOfInstances": 2,
                "coordinationCommandLine": "true",
                "commonInputFiles": [_reads(containerName=c)],
            }
        ),
        "tasks[0].multiInstanceSettings.commonInputFiles[0].containerName",
    ),
    "preparation of nodes": (
        lambda c, _: {
            "jobPreparationTask": {"commandLine": "true", "inputFiles": [_reads(containerName=c)]},
        },
        "jobPreparationTask.inputFiles[0].containerName",
    ),
    "job manager": (
        lambda c, _: {
            "tasks": [],
            "workload": "planned_there",
            "jobManagerTask": {"commandLine": "true", "inputFiles": [_reads(containerName=c)]},
        },
        "jobManagerTask.inputFiles[0].containerName",
    ),
    "source of a factory": (
        lambda c, _: _factory("taskPerFile", source={"containerName": c}),
        "taskFactory.source.containerName",
    ),
    "file of a factory": (
        lambda c, _: _factory(
            "parametricSweep",
            repeatTask={"commandLine": "echo {0}", "outputFiles": [output("a", "{0}", containerName=c)]},
        ),
        "taskFactory.repeatTask.outputFiles[0].containerName",
    ),
    "URL of a factory": (
        lambda c, root: _factory(
            "parametricSweep",
            parameters={"place": {"values": ["inputs", "a-longer-name-than-all-of-those", c]}},
            repeatTask={"commandLine": "x", "inputFiles": [_downloads(root + "{place}/host.json")]},
        ),
        "taskFactory.repeatTask.inputFiles[0].httpUrl",
    ),
    "URL of a factory behind such a host": (
        lambda c, _: _factory(
            "parametricSweep",
            parameters={"place": {"values": ["inputs", "a-longer-name-than-all-of-those", c]}},
            repeatTask={
                "commandLine": "x",
                "inputFiles": [
                    _downloads(ELSEWHERE + "/{place}/host.json", identityReference=IDENTITY),
                ],
            },
        ),
        "taskFactory.repeatTask.inputFiles[0].httpUrl",
    ),
    "merging of a factory": (
        lambda c, _: _factory(
            "parametricSweep", mergeTask={"commandLine": "x", "inputFiles": [_reads(containerName=c)]}
        ),
        "taskFactory.mergeTask.inputFiles[0].containerName",
    ),
    "input of a workload": (
        lambda c, _: {"tasks": [], "workload": "genome_kmers", "inputs": {"genome": f"{c}/host.json"}},
        "",
    ),
}


@pytest.mark.parametrize("way", WAYS)
async def test_a_container_that_is_not_the_jobs_to_use_is_refused_wherever_it_is_named(
    client: Client, job_id: str, way: str
) -> None:
    message, field = WAYS[way]
    for container in RESERVED:
        fields = message(container, client.blobs.url)
        answer = await client.post("/jobs", job(job_id) | fields)
        assert answer.status == 400, (container, answer.text)
        assert answer.body["field"].startswith(field), container
        assert any(words in answer.body["detail"] for words in ("Use another", "Leave containerName out"))
        plan = await client.post("/plan", job(job_id) | fields)
        assert plan.body["problems"], container
    assert (await client.get(f"/jobs/{job_id}")).status == 404


async def test_on_the_queue_and_in_an_upload_it_is_a_rejected_job(client: Client, job_id: str) -> None:
    stolen = _tasks(inputFiles=[_reads(containerName="azure-webjobs-secrets")])
    await client.send(job(f"{job_id}-sent") | stolen)
    upload = (await client.post("/uploads")).body
    message = json.dumps(job(f"{job_id}-up") | stolen).encode()
    async with client.http.put(
        URL(upload["uploadUri"], encoded=True), data=message, headers=BLOCK_BLOB
    ) as put:
        assert put.status == 201
    assert (await client.post("/jobs", upload["message"])).status == 400
    outcome = await client.outcome(f"{job_id}-sent")
    assert outcome["error"]["field"] == "tasks[0].inputFiles[0].containerName"
    assert "azure-webjobs-secrets" in outcome["error"]["message"]
    assert await client.batch_job_ids([f"{job_id}-sent", f"{job_id}-up"]) == []


async def test_a_plan_that_comes_from_a_node_is_judged_like_any_other(client: Client, job_id: str) -> None:
    signal = output("a", "other.json", containerName="batchmgr-finalize")
    planned = {
        "tasks": [task("t")],
        "finalizeTask": {"id": "f", "commandLine": "true", "outputFiles": [signal]},
    }
    script = f"echo {shlex.quote(json.dumps(planned))} > batchmgr-tasks.json"
    manager = {"commandLine": f"/bin/sh -c {shlex.quote(script)}"}
    await client.submit({"jobId": job_id, "workload": "planned_there", "jobManagerTask": manager})
    outcome = await client.outcome(job_id)
    error = outcome["error"]
    assert (outcome["state"], error["field"]) == ("rejected", "finalizeTask.outputFiles[0].containerName")
    assert "'batchmgr-finalize' is reserved" in error["message"]


async def test_two_jobs_of_similar_ids_do_not_overwrite_each_others_results(
    client: Client, job_id: str
) -> None:
    one, other = f"{job_id}__b", job_container(f"{job_id}__b").removeprefix("job-")
    for each in (one, other):
        made = task("t", f"echo {each} > made.txt", outputFiles=[output("made.txt")])
        await client.submit(job(each, made))
        assert (await client.outcome(each))["state"] == "succeeded"
    for each in (one, other):
        blob = client.blobs.get_blob_client(job_container(each), "made.txt")
        assert await (await blob.download_blob()).readall() == f"{each}\n".encode()


async def test_a_container_that_was_made_beforehand_under_a_jobs_name_is_not_used(
    client: Client, job_id: str
) -> None:
    container = await client.blobs.create_container(job_container(job_id))
    await container.upload_blob("batchmgr-manifest.json", b"planted")
    await client.submit(job(job_id, task("t", "echo a > a.txt", outputFiles=[output("a.txt")])))
    outcome = await client.outcome(job_id)
    assert (outcome["state"], outcome["error"]["field"]) == ("rejected", "jobId")
    assert outcome["error"]["message"] == (
        f"jobId: the container '{job_container(job_id)}' is there, but batchmgr did not make it for this "
        "job: send the job with another jobId, or delete the container first"
    )
    assert [name async for name in container.list_blob_names()] == ["batchmgr-manifest.json"]
    assert await client.batch_job_ids([job_id]) == []


async def test_who_has_the_signature_of_a_jobs_end_can_announce_no_other_and_not_end_its_own(
    client: Client, job_id: str, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    victim, attacker = f"{job_id}-victim", f"{job_id}-attacker"
    for each in (victim, attacker):
        await client.submit(job(each, gated("t", gate)))
        await client.wait_for_event(each, "task.running")
    added = await client.batch.get_task(attacker, "batchmgr-finalize")
    assert added.output_files is not None
    signal, kept = [file.destination.container for file in added.output_files]
    assert signal is not None
    assert kept is not None
    assert kept.container_url.partition("?")[0].endswith(f"/job-{attacker}")
    root, _, query = signal.container_url.partition("?")

    async def announces(name: str) -> bool:
        url = URL(f"{root}/{name}?{query}", encoded=True)
        async with client.http.put(url, data=b"{}", headers=BLOCK_BLOB) as put:
            assert put.status in {201, 403}
            return put.status == 201

    assert signal.path == f"{attacker}.json"
    assert not await announces(f"{victim}.json")
    assert not await announces("anything")
    for _ in range(3):
        assert await announces(f"{attacker}.json")  # its own, too early and again

    later = await client.submit(job(f"{job_id}-later"))
    await client.outcome(later)  # its end is announced after these
    assert [(await client.job(each))["state"] for each in (victim, attacker)] == ["running", "running"]
    gate.touch()
    for each in (victim, attacker):
        assert (await client.outcome(each))["state"] == "succeeded"


async def test_each_task_has_a_user_of_its_own(client: Client, job_id: str) -> None:
    await client.submit(job(job_id))
    await client.outcome(job_id)
    for task_id in ("only", "batchmgr-finalize"):
        user = (await client.batch.get_task(job_id, task_id)).user_identity
        assert user is not None
        assert user.auto_user is not None
        assert (user.auto_user.scope, user.auto_user.elevation_level) == ("task", "nonadmin")
