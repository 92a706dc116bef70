"""What an answer holds: pages of tasks and events, and previews, have a size."""

import json
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from batchmgr.model.batch_snapshots import TaskError
from batchmgr.model.cloud_event import Event
from batchmgr.model.request_limits import MAX_TASKS, MAX_TOKEN
from batchmgr.model.size_limits import MAX_PAGE
from tests.event_log import append
from tests.functions.app import Handler
from tests.functions.http_calls import API, JOB, post, problem, request
from tests.world import World


async def test_tasks_come_in_pages(app: dict[str, Handler], world: World) -> None:
    tasks = [{"id": str(number), "commandLine": "true"} for number in range(1, 1200)]
    await app["create_job"](post({**JOB, "tasks": tasks}))
    await world.run_until_idle()
    path = "/jobs/job-1/tasks"
    found, sizes = [], []
    params: dict[str, str] = {}
    while True:
        page = json.loads((await app["list_tasks"](request(path, jobId="job-1", params=params))).get_body())
        found += [task["taskId"] for task in page["tasks"]]
        sizes.append(len(page["tasks"]))
        if "nextLink" not in page:
            break
        url, _, query = page["nextLink"].partition("?")
        assert url == API + path
        params = dict(parse_qsl(query))
    assert sizes == [1000, 200]
    assert len(set(found)) == 1200
    answer = await app["list_tasks"](
        request(path, jobId="job-1", params={"limit": "5", "state": "completed"})
    )
    page = json.loads(answer.get_body())
    assert len(page["tasks"]) == 5
    last = page["tasks"][-1]["taskId"]
    assert page["nextLink"].endswith(f"/tasks?state=completed&limit=5&after={last}")
    problem(await app["list_tasks"](request(path, jobId="job-1", params={"limit": "1001"})), 400)
    too_long = {"after": "x" * (MAX_TOKEN + 1)}
    document = problem(await app["list_tasks"](request(path, jobId="job-1", params=too_long)), 400)
    assert document["field"] == "after"


async def test_a_page_of_events_has_four_mebibytes_at_most(app: dict[str, Handler], world: World) -> None:
    await app["create_job"](post(JOB))
    await world.run_until_idle()
    now = world.clock.now()
    large = {"text": "x" * 40_000}
    body = msgspec.Raw(msgspec.json.encode(large))
    events = [Event(id=str(n), type="t", subject="s", time=now, body=body) for n in range(300)]
    await append(world.events, "job-1", events, 10**6)
    after, count = 0, 0
    while True:
        params = {"after": str(after), "limit": "10000"}
        answer = await app["list_events"](request("/jobs/job-1/events", jobId="job-1", params=params))
        assert len(answer.get_body()) <= MAX_PAGE + 1000
        page = json.loads(answer.get_body())
        if not page["events"]:
            break
        count, after = count + len(page["events"]), page["last"]
    assert count == len(world.log())
    assert count > 300


async def test_a_page_of_tasks_with_long_texts_fits_into_four_mebibytes_and_has_all_of_them(
    app: dict[str, Handler], world: World
) -> None:
    await app["create_job"](post(JOB))
    await world.run_until_idle()
    job = world.batch.jobs["job-1"]
    job.remove("a")
    one = job.snapshots["batchmgr-finalize"]
    job.remove("batchmgr-finalize")
    error = TaskError(type="\x00" * 900, message="\x00" * 9000, stderr="\x00" * 9000, traceback="ü" * 9000)
    changes: dict[str, Any] = {"error": error, "display_name": "\x00" * 1024, "node_id": "n" * 64}
    for number in range(MAX_TASKS + 1):
        job.set(msgspec.structs.replace(one, task_id=f"{number:064}", **changes))
    found: list[str] = []
    params: dict[str, str] = {}
    for count in (MAX_TASKS, 1):
        answer = await app["list_tasks"](request("/jobs/job-1/tasks", jobId="job-1", params=params))
        assert len(answer.get_body()) <= MAX_PAGE
        page = json.loads(answer.get_body())
        assert len(page["tasks"]) == count
        assert all("cut from" in task["error"]["message"] for task in page["tasks"])
        found += [task["taskId"] for task in page["tasks"]]
        params = dict(parse_qsl(page.get("nextLink", "").partition("?")[2]))
    assert params == {}
    assert found == [f"{number:064}" for number in range(MAX_TASKS + 1)]


async def test_a_preview_shows_as_many_tasks_as_an_answer_holds(app: dict[str, Handler]) -> None:
    tasks = [{"id": str(n), "commandLine": "x" * 30_000} for n in range(200)]
    answer = await app["plan_job"](
        request("/plan", method="POST", body={**JOB, "tasks": tasks}, params={"tasks": "1000"})
    )
    body = json.loads(answer.get_body())
    assert body["tasks"] == 201
    assert 100 < len(body["expandedTasks"]) < 150
    assert len(answer.get_body()) <= MAX_PAGE + 1000
