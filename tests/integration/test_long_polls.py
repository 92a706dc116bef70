"""Requests that wait, on the running stack: over HTTP, with a poller in the same app."""

import asyncio
import time
from pathlib import Path

from tests.integration.client import Client
from tests.integration.messages import gated, job, task


async def test_a_follower_of_events_needs_no_pauses_and_sees_the_end(client: Client, job_id: str) -> None:
    await client.submit(job(job_id, task("one", "sleep 1")))
    types: list[str] = []
    after, requests = 0, 0
    while True:
        page = (await client.get(f"/jobs/{job_id}/events", after=after, wait=30)).body
        types += [event["type"].removeprefix("batchmgr.") for event in page["events"]]
        after, requests = page["last"], requests + 1
        if not page["events"] and page["state"] == "succeeded":
            break
    assert types[0] == "job.queued"
    assert types[-1] == "job.succeeded"
    assert requests < 15


async def test_a_job_that_is_known_is_answered_when_it_changes_or_the_time_is_up(
    client: Client, job_id: str, tmp_path: Path
) -> None:
    await client.submit(job(job_id, gated("slow", tmp_path / "gate")))
    url = f"{client.address}/api/jobs/{job_id}"
    result = asyncio.create_task(client.get(f"/jobs/{job_id}/result", wait=60))
    known, states = "", list[str]()
    begun = time.monotonic()
    while "running" not in states and time.monotonic() - begun < 60:
        headers = {"If-None-Match": known, "Prefer": "wait=20"}
        async with client.http.get(url, headers=headers) as answer:
            if answer.status == 200:
                states.append((await answer.json())["state"])
            assert answer.headers["Preference-Applied"] == "wait=20"
            known = answer.headers["ETag"]
    assert "running" in states
    for _ in range(20):  # until nothing is left to change
        async with client.http.get(url, headers={"If-None-Match": known, "Prefer": "wait=2"}) as answer:
            known = answer.headers["ETag"]
            if answer.status == 304:
                assert await answer.read() == b""
                break
    else:
        raise AssertionError("the job is another each time")
    assert not result.done()
    (tmp_path / "gate").touch()
    ended = await result
    assert (ended.status, ended.body["state"]) == (200, "succeeded")
