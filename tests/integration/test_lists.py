"""Lists of jobs and tasks, and the timeline, on the running stack."""

from batchmgr.devstack.stack import Stack
from tests.integration.client import Client
from tests.integration.messages import Json, job, task


async def all_pages(client: Client, path: str, what: str, **query: str | int) -> list[Json]:
    found: list[Json] = []
    page = (await client.get(path, **query)).body
    while True:
        found += page[what]
        if "nextLink" not in page:
            return found
        async with client.http.get(page["nextLink"]) as answer:
            page = await answer.json()


async def test_jobs_are_found_by_how_they_ended_and_by_their_metadata(client: Client, job_id: str) -> None:
    commands = {"a": "true", "b": "exit 3", "c": "true"}
    for name, command in commands.items():
        message = job(f"{job_id}-{name}", task("one", command))
        await client.submit(message | {"metadata": {"batch": job_id, "name": name}})
        await client.outcome(f"{job_id}-{name}")
    mine = {"metadata.batch": job_id, "select": "jobId,state"}
    ids = [f"{job_id}-{name}" for name in "cba"]
    for limit in (1, 2, 50):
        found = await all_pages(client, "/jobs", "jobs", limit=limit, **mine)
        assert [one["jobId"] for one in found] == ids
        assert all(one.keys() == {"jobId", "state"} for one in found)
    assert await all_pages(client, "/jobs", "jobs", state="failed", **mine) == [
        {"jobId": ids[1], "state": "failed"}
    ]
    found = await all_pages(client, "/jobs", "jobs", prefix=job_id, state="ended,running")
    assert [one["jobId"] for one in found] == ids
    since = found[1]["createdAt"]
    assert len(await all_pages(client, "/jobs", "jobs", prefix=job_id, since=since)) == 2
    assert await all_pages(client, "/jobs", "jobs", state="active", **mine) == []
    assert (await client.delete(f"/jobs/{ids[0]}")).status in {202, 204}


async def test_tasks_are_selected_and_the_timeline_has_all_of_them(
    client: Client, job_id: str, stack: Stack
) -> None:
    commands = {"count-1": "true", "count-2": "exit 3", "merge-1": "true"}
    await client.submit(job(job_id, *(task(name, command) for name, command in commands.items())))
    await client.outcome(job_id)
    path = f"/jobs/{job_id}/tasks"
    for query, expected in (
        ({"state": "failed"}, ["count-2"]),
        ({"exitCode": 3}, ["count-2"]),
        ({"kind": "count", "state": "succeeded"}, ["count-1"]),
        ({"kind": "merge", "limit": 1}, ["merge-1"]),
        ({"error": "FailureExitCode"}, ["count-2"]),
        ({"node": "none"}, []),
    ):
        found = await all_pages(client, path, "tasks", **query)
        assert [one["taskId"] for one in found] == expected, query
    one = (await client.get(f"{path}/count-2")).body
    assert (one["kind"], one["exitCode"]) == ("count", 3)
    assert (await client.get(f"{path}/none")).status == 404
    timeline = (await client.get(f"/jobs/{job_id}/timeline")).body
    rows = dict(zip(timeline["taskId"], timeline["state"], strict=True))
    states = {name: timeline["states"][state] for name, state in rows.items()}
    assert states == {
        "count-1": "succeeded",
        "count-2": "failed",
        "merge-1": "succeeded",
        "batchmgr-finalize": "succeeded",
    }
    assert all(0 <= start <= end for start, end in zip(timeline["start"], timeline["end"], strict=True))
