"""Jobs with a task factory: a parametric sweep, and a task for each blob, also with difficult names."""

import json
from pathlib import Path

import pytest

from batchmgr.devstack.project_paths import PROJECT
from tests.integration.client import Client
from tests.integration.messages import Json

EXAMPLE = PROJECT / "examples" / "sweep" / "job.json"
SIZES = {
    "plain.txt": b"1",
    "in two words.txt": b"22",
    "a;touch mark;.txt": b"333",
    "$(touch mark) `touch mark`.txt": b"4444",
    'it\'s "quoted".txt': b"55555",
    "deeper/ünïcödé & {0} %PATH% #1.txt": b"666666",
}


def per_file(job_id: str, **fields: object) -> Json:
    """Return a job that measures each blob of the test's own folder in three ways."""
    script = 'printf "%s %s %s\\n" "$(cat "$1" | wc -c)" "$NAME" "$2" > size.txt; test ! -e mark'
    repeat = {
        "commandLine": f"/bin/sh -c '{script}' sh {{0}} {{fileName}}",
        "displayName": "{stem}",
        "environment": {"NAME": "{name}"},
        "outputFiles": [{"sourceFilePath": "size.txt", "targetBlobPath": "sizes/{name}"}],
    }
    merge = {
        "commandLine": "/bin/sh -c 'find sizes -type f -exec cat {} + | sort > all.txt'",
        "inputFiles": [{"sourceBlobPath": "sizes/", "targetFilePath": ""}],
        "outputFiles": [{"sourceFilePath": "all.txt", "targetBlobPath": "all.txt"}],
    }
    source = {"containerName": "inputs", "prefix": f"{job_id}/", "pattern": "*.txt"}
    factory = {"type": "taskPerFile", "source": source, "repeatTask": repeat, "mergeTask": merge}
    return {"jobId": job_id, "taskFactory": factory, **fields}


async def test_each_blob_has_a_task_and_no_blob_name_is_executed(client: Client, job_id: str) -> None:
    for name, content in SIZES.items():
        await client.upload(f"{job_id}/{name}", content)
    await client.upload(f"{job_id}/other.csv", b"")
    await client.submit(per_file(job_id))
    outcome = await client.outcome(job_id)
    assert outcome["state"] == "succeeded", outcome
    assert outcome["total"] == len(SIZES) + 2
    expected = sorted(
        f"{len(content)} {job_id}/{name} {name.rpartition('/')[2]}\n" for name, content in SIZES.items()
    )
    assert sorted((await client.read(job_id, "all.txt")).decode().splitlines(keepends=True)) == expected
    assert (
        await client.read(job_id, f"sizes/{job_id}/plain.txt") == f"1 {job_id}/plain.txt plain.txt\n".encode()
    )


async def test_a_plan_shows_what_will_happen_and_creates_nothing(client: Client, job_id: str) -> None:
    await client.upload(f"{job_id}/a.txt", b"a")
    message = per_file(job_id)
    answer = await client.post("/plan?tasks=1", message)
    assert answer.status == 200
    assert (answer.body["tasks"], answer.body["calls"], answer.body["problems"]) == (3, 4, [])
    (shown,) = answer.body["expandedTasks"]
    assert shown["commandLine"].endswith(f" sh {job_id}/a.txt a.txt")
    assert "sig=" not in answer.text
    assert (await client.get(f"/jobs/{job_id}")).status == 404
    assert await client.batch_state(job_id) == "gone"
    assert not await client.blobs.get_container_client(f"job-{job_id}").exists()
    await client.submit(message)
    assert (await client.outcome(job_id))["total"] == answer.body["tasks"]


async def test_a_source_without_blobs_rejects_the_job_and_a_plan_reports_it(
    client: Client, job_id: str
) -> None:
    await client.upload("elsewhere.txt", b"")
    answer = await client.post("/plan", per_file(job_id))
    (problem,) = answer.body["problems"]
    assert problem == {
        "field": "taskFactory.source",
        "reason": "no blob matches, so the job would have no tasks: check containerName, prefix and pattern",
    }
    await client.submit(per_file(job_id))
    outcome = await client.outcome(job_id)
    assert (outcome["state"], outcome["error"]["field"]) == ("rejected", "taskFactory.source")


@pytest.mark.parametrize(
    ("command", "reason"),
    [("/bin/sh -c 'cat {0}'", "is in quotes"), ("cat {nmae}", "there is no placeholder {nmae}")],
)
async def test_an_unsafe_template_is_rejected_at_once(
    client: Client, job_id: str, command: str, reason: str
) -> None:
    message = per_file(job_id)
    message["taskFactory"]["repeatTask"]["commandLine"] = command
    answer = await client.post("/jobs", message)
    assert (answer.status, answer.body["field"]) == (400, "taskFactory.repeatTask.commandLine")
    assert reason in answer.body["detail"]


async def test_the_example_sweeps_an_old_program_and_finds_its_limit_cycles(
    client: Client, job_id: str, tmp_path: Path
) -> None:
    message = json.loads(EXAMPLE.read_text()) | {"jobId": job_id}
    await client.submit(message)
    outcome = await client.outcome(job_id)
    assert outcome["state"] == "succeeded", outcome
    assert outcome["total"] == 13 * 2 + 1 + 1
    rows = (await client.read(job_id, "results/bifurcation.tsv")).decode().splitlines()
    settled: dict[str, set[str]] = {}
    for r, x in (row.split("\t") for row in rows):
        settled.setdefault(r, set()).add(x)
    assert sorted(settled) == [f"{n / 10:.2f}" for n in range(28, 41)]
    assert settled["2.80"] == {"0.642857"}  # 1 - 1/r, the one fixed point
    assert [len(settled[r]) for r in ("2.90", "3.20", "3.50")] == [1, 2, 4]
    assert len(settled["3.90"]) > 8
