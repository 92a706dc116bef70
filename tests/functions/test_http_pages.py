"""What an answer holds: pages of tasks and events, and previews, have a size."""

import json
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import pytest

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


async def test_tasks_are_selected_by_what_they_have_in_common(app: dict[str, Handler], world: World) -> None:
    world.batch.fails |= {"count-2", "merge-1"}
    names = [f"count-{number}" for number in range(1, 31)] + ["merge-1"]
    await app["create_job"](post({**JOB, "tasks": [{"id": name, "commandLine": "x"} for name in names]}))
    await world.run_until_idle()

    async def asked(**params: str) -> list[str]:
        found, more = list[str](), dict(params)
        while True:
            answer = await app["list_tasks"](request("/jobs/job-1/tasks", jobId="job-1", params=more))
            page = json.loads(answer.get_body())
            found += [one["taskId"] for one in page["tasks"]]
            if "nextLink" not in page:
                return found
            more = dict(parse_qsl(page["nextLink"].partition("?")[2]))
            assert {name: more[name] for name in params} == params

    assert await asked(state="failed") == ["count-2", "merge-1"]
    assert await asked(state="active,failed", kind="merge") == ["merge-1"]
    assert len(await asked(state="succeeded")) == 30
    assert await asked(exitCode="1") == ["count-2", "merge-1"]
    assert await asked(kind="merge", limit="1") == ["merge-1"]
    assert len(await asked(kind="count", limit="7")) == 30
    assert await asked(node="none") == []
    assert await asked(error="FailureExitCode", kind="count") == ["count-2"]
    assert await asked(error="ValueError") == []


async def test_a_failed_task_has_the_error_that_was_read_from_its_node(
    app: dict[str, Handler], world: World
) -> None:
    world.batch.fails.add("a")
    world.batch.files["a", "batchmgr-error.json"] = b'{"type": "ValueError", "message": "too small"}'
    await app["create_job"](post(JOB))
    await world.run_until_idle()
    [failed] = world.record().run.failed_tasks
    assert failed.error is not None
    params = {"error": failed.error.type}
    answer = await app["list_tasks"](request("/jobs/job-1/tasks", jobId="job-1", params=params))
    [task] = json.loads(answer.get_body())["tasks"]
    assert (task["taskId"], task["error"]["type"]) == ("a", failed.error.type)
    one = await app["get_task"](request("/jobs/job-1/tasks/a", jobId="job-1", taskId="a"))
    assert json.loads(one.get_body()) == task
    params = {"select": "kind,state", "state": "failed"}
    answer = await app["list_tasks"](request("/jobs/job-1/tasks", jobId="job-1", params=params))
    assert json.loads(answer.get_body())["tasks"] == [{"kind": "a", "state": "completed"}]


async def test_the_timeline_has_a_row_for_each_task(app: dict[str, Handler], world: World) -> None:
    world.batch.fails.add("count-2")
    tasks = [{"id": f"count-{number}", "commandLine": "x"} for number in range(3)]
    await app["create_job"](post({**JOB, "tasks": tasks}))
    empty = json.loads((await app["get_timeline"](request("/jobs/job-1/timeline", jobId="JOB-1"))).get_body())
    assert (empty["taskId"], empty["jobState"], empty["total"]) == ([], "queued", 0)
    await world.run_until_idle()
    body = json.loads((await app["get_timeline"](request("/jobs/job-1/timeline", jobId="job-1"))).get_body())
    columns = ("taskId", "kind", "state", "node", "start", "end", "exitCode", "error", "retries", "requeues")
    names = ("jobId", "jobState", "asOf", "origin", "total", "kinds", "nodes", "states", "errors")
    assert body.keys() == {*columns, *names, "lost"}
    assert {len(body[column]) for column in columns} == {4} == {body["total"]}
    assert body["lost"] == {"task": [], "node": [], "start": [], "end": []}
    ends = {name: body["states"][state] for name, state in zip(body["taskId"], body["state"], strict=True)}
    assert ends["count-2"] == "failed"
    assert list(ends.values()).count("succeeded") == 3
    assert sorted(body["kinds"]) == ["FinalizeTask", "count"]
    assert (
        body["origin"] == json.loads((await app["get_job"](request(jobId="job-1"))).get_body())["createdAt"]
    )
    problem(await app["get_timeline"](request("/jobs/none/timeline", jobId="none")), 404)


@pytest.mark.parametrize("task_id", ["none", "..", "a/../b", "a%2Fb", "ü", ""])
async def test_a_task_that_is_not_there_is_a_404(app: dict[str, Handler], world: World, task_id: str) -> None:
    await app["create_job"](post(JOB))
    for _ in range(2):
        problem(await app["get_task"](request("/jobs/job-1/tasks/x", jobId="job-1", taskId=task_id)), 404)
        await world.run_until_idle()


async def test_jobs_come_in_pages_whose_links_say_all_that_was_asked_for(
    app: dict[str, Handler], world: World
) -> None:
    for number in range(5):
        body = {**JOB, "jobId": f"Job-{number}", "metadata": {"user": "Ada & Bob", "n": str(number % 2)}}
        await app["create_job"](post(body))
        world.clock.advance(timedelta(seconds=1))
    await world.run_until_idle()
    params = {
        "state": "ended,running",
        "workload": "",
        "prefix": "job-",
        "metadata.user": "Ada & Bob",
        "since": "2026-01-01T00:00:00Z",
        "until": "2027-01-01T00:00:00+01:00",
        "select": "jobId,state",
        "limit": "2",
    }
    found, pages = list[dict[str, Any]](), 0
    while True:
        answer = await app["list_jobs"](request(params={**params, "code": "secret"}))
        page = json.loads(answer.get_body())
        found, pages = found + page["jobs"], pages + 1
        if "nextLink" not in page:
            break
        url, _, query = page["nextLink"].partition("?")
        following = dict(parse_qsl(query, keep_blank_values=True))
        assert url == f"{API}/jobs"
        assert {**following, "after": ""} == {**params, "after": ""}
        params = following
    assert [job["jobId"] for job in found] == [f"Job-{number}" for number in range(4, -1, -1)]
    assert all(job.keys() == {"jobId", "state"} for job in found)
    assert pages == 3
    params = {"metadata.n": "1", "metadata.user": "Ada & Bob"}
    page = json.loads((await app["list_jobs"](request(params=params))).get_body())
    assert [job["jobId"] for job in page["jobs"]] == ["Job-3", "Job-1"]
    assert page["jobs"][0]["statusUri"] == f"{API}/jobs/Job-3"
    assert json.loads((await app["list_jobs"](request(params={"state": "active"}))).get_body()) == {
        "jobs": []
    }


async def test_a_wrong_word_is_answered_with_those_that_are_known(app: dict[str, Handler]) -> None:
    detail = problem(await app["list_jobs"](request(params={"state": "lost"})), 400)["detail"]
    assert all(word in detail for word in ("queued", "timed_out", "active", "ended"))
    detail = problem(await app["list_jobs"](request(params={"select": "x"})), 400)["detail"]
    assert all(word in detail for word in ("jobId", "waitingFor", "metadata", "cancelUri"))


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
