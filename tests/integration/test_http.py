"""The HTTP API: sending jobs, following them, and reading their tasks, events and results."""

from pathlib import Path

import pytest

from batchmgr.devstack.stack import Stack
from tests.integration.client import Answer, Api, Client
from tests.integration.messages import Json, gated, job, task
from tests.integration.receiver import Receiver


def assert_is_problem(answer: Answer, status: int) -> None:
    assert answer.status == status, answer.text
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert answer.body["status"] == status
    assert answer.body["title"]
    assert answer.body["detail"]


@pytest.mark.smoke
async def test_an_accepted_job_has_the_links_to_follow_it(api: Api, job_id: str) -> None:
    answer = await api.post("/jobs", job(job_id))
    address = f"{api.address}/api/jobs/{job_id}"
    assert answer.status == 202
    assert answer.headers["Location"] == f"{address}/result"
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.body == {
        "jobId": job_id,
        "state": "queued",
        "statusUri": address,
        "resultUri": f"{address}/result",
        "tasksUri": f"{address}/tasks",
        "eventsUri": f"{address}/events",
        "cancelUri": f"{address}/cancel",
    }


async def test_links_have_no_scheme_and_no_host_that_a_caller_has_made_up(
    client: Client, job_id: str
) -> None:
    made_up = {"X-Forwarded-Proto": "javascript", "X-Forwarded-Host": "evil.example"}
    answer = await client.post("/jobs", job(job_id), made_up)
    assert answer.headers["Location"] == f"{client.address}/api/jobs/{job_id}/result"
    answer = await client.post("/jobs", job(job_id), {"X-Forwarded-Proto": "https"})
    assert answer.headers["Location"].startswith("https://")


async def test_the_result_is_202_until_the_job_ends_and_then_200(
    client: Client, job_id: str, tmp_path: Path
) -> None:
    await client.submit(job(job_id, gated("slow", tmp_path / "gate")))
    early = await client.get(f"/jobs/{job_id}/result")
    assert early.status == 202
    assert early.headers["Location"] == f"{client.address}/api/jobs/{job_id}/result"
    assert int(early.headers["Retry-After"]) > 0
    assert int((await client.get(f"/jobs/{job_id}")).headers["Retry-After"]) > 0
    (tmp_path / "gate").touch()
    outcome = await client.outcome(job_id)
    assert (outcome["jobId"], outcome["state"]) == (job_id, "succeeded")


async def test_the_same_job_sent_twice_is_one_job(client: Client, job_id: str) -> None:
    message = job(job_id, task("once", "sleep 1"))
    first, second = await client.post("/jobs", message), await client.post("/jobs", message)
    assert (first.status, second.status) == (202, 202)
    assert second.headers["Location"] == first.headers["Location"]
    await client.outcome(job_id)
    third = await client.post("/jobs", message)
    assert (third.status, third.body["state"]) == (202, "succeeded")
    assert (await client.types(job_id)).count("job.queued") == 1
    assert (await client.types(job_id)).count("task.succeeded") == 2
    assert await client.batch_job_ids({job_id}) == [job_id]


@pytest.mark.smoke
async def test_other_content_under_the_same_id_is_a_conflict_whatever_its_case(api: Api, job_id: str) -> None:
    await api.submit(job(job_id))
    for taken in (job_id, job_id.upper()):
        answer = await api.post("/jobs", job(taken, task("another")))
        assert_is_problem(answer, 409)
        assert taken in answer.body["detail"]
    outcome = await api.outcome(job_id)
    assert outcome["state"] == "succeeded"


async def test_requests_with_the_same_idempotency_key_are_one_job(client: Client) -> None:
    message = job("")
    del message["jobId"]
    ids = {
        (await client.post("/jobs", message, {"Idempotency-Key": "pipeline run 17"})).body["jobId"]
        for _ in range(2)
    }
    assert len(ids) == 1
    other = await client.post(
        "/jobs", message | {"metadata": {"a": "b"}}, {"Idempotency-Key": "pipeline run 17"}
    )
    assert_is_problem(other, 409)
    another = await client.post("/jobs", message, {"Idempotency-Key": "pipeline run 18"})
    assert another.body["jobId"] not in ids
    for created in (*ids, another.body["jobId"]):
        assert (await client.outcome(created))["state"] == "succeeded"


@pytest.mark.smoke
async def test_jobs_without_id_and_key_are_new_jobs_that_sort_by_time(api: Api) -> None:
    message = job("")
    del message["jobId"]
    ids = [await api.submit(message) for _ in range(3)]
    assert len(set(ids)) == 3
    for created in ids:
        assert (await api.outcome(created))["state"] == "succeeded"


async def test_the_list_of_jobs_is_paged_without_gaps_or_repeats(client: Client, job_id: str) -> None:
    sent = {await client.submit(job(f"{job_id}-{letter}")) for letter in "abcde"}
    for each in sent:
        await client.outcome(each)
    page = (await client.get("/jobs", limit=2)).body
    listed: list[Json] = list(page["jobs"])
    while "nextLink" in page:
        assert len(page["jobs"]) == 2
        path = page["nextLink"].removeprefix(f"{client.address}/api")
        page = (await client.get(path)).body
        listed += page["jobs"]
    ids = [each["jobId"] for each in listed]
    assert len(ids) == len(set(ids))
    assert sent <= set(ids)
    whole = (await client.get("/jobs", limit=500)).body
    assert [each["jobId"] for each in whole["jobs"]] == ids
    assert "nextLink" not in whole


async def test_the_tasks_of_a_job_are_paged_without_gaps_or_repeats(client: Client, job_id: str) -> None:
    await client.submit(job(job_id, *(task(f"t{number}") for number in range(5))))
    await client.outcome(job_id)
    pages = [(await client.get(f"/jobs/{job_id}/tasks", limit=2, state="completed")).body]
    while "nextLink" in pages[-1]:
        pages.append((await client.get(pages[-1]["nextLink"].removeprefix(f"{client.address}/api"))).body)
    assert [len(page["tasks"]) for page in pages] == [2, 2, 2]
    ids = [each["taskId"] for page in pages for each in page["tasks"]]
    assert sorted(ids) == ["batchmgr-finalize", "t0", "t1", "t2", "t3", "t4"]
    refused = await client.get(f"/jobs/{job_id}/tasks", after="ü")
    assert (refused.status, refused.body.get("field")) == (400, "after"), refused.body


async def test_a_job_shows_its_properties_and_its_progress(client: Client, job_id: str) -> None:
    await client.submit(job(job_id, task("one"), task("two"), metadata={"owner": "Ada"}))
    await client.outcome(job_id)
    answer = await client.get(f"/jobs/{job_id}")
    assert "Retry-After" not in answer.headers
    assert answer.body["jobId"] == job_id
    assert answer.body["state"] == "succeeded"
    assert answer.body["poolId"] == "local"
    assert answer.body["metadata"] == {"owner": "Ada"}
    assert (answer.body["total"], answer.body["counts"]["succeeded"]) == (3, 3)
    assert answer.body["createdAt"] < answer.body["updatedAt"]
    other_case = await client.get(f"/jobs/{job_id.upper()}")
    assert other_case.body["jobId"] == job_id


async def test_tasks_can_be_listed_by_state(client: Client, job_id: str, tmp_path: Path) -> None:
    slow = gated("slow", tmp_path / "gate", dependsOn=["quick"])
    await client.submit(job(job_id, task("quick"), slow))
    await client.wait_for_event(job_id, "task.succeeded")

    async def ids(state: str) -> list[str]:
        return [
            found["taskId"]
            for found in (await client.get(f"/jobs/{job_id}/tasks", state=state)).body["tasks"]
        ]

    assert (await ids("completed"), await ids("active")) == (["quick"], ["batchmgr-finalize"])
    assert sorted(await ids("")) == ["batchmgr-finalize", "quick", "slow"]
    wrong = await client.get(f"/jobs/{job_id}/tasks", state="sleeping")
    assert_is_problem(wrong, 400)
    assert wrong.body["field"] == "state"
    (tmp_path / "gate").touch()


@pytest.mark.smoke
async def test_reading_events_can_continue_after_the_last_one(api: Api, job_id: str) -> None:
    await api.submit(job(job_id))
    await api.outcome(job_id)
    everything = await api.events(job_id)
    read: list[Json] = []
    last = 0
    while page := (await api.get(f"/jobs/{job_id}/events", after=last, limit=2)).body["events"]:
        assert len(page) <= 2
        read += page
        last = int(page[-1]["sequence"])
    assert read == everything
    end = (await api.get(f"/jobs/{job_id}/events", after=last)).body
    assert end == {"events": [], "last": last, "state": "succeeded"}


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        ("/jobs", {"limit": "0"}, "limit"),
        ("/jobs", {"limit": "many"}, "limit"),
        ("/jobs/{job_id}/events", {"after": "-1"}, "after"),
        ("/jobs/{job_id}/events", {"limit": "1e9"}, "limit"),
    ],
)
async def test_an_invalid_query_parameter_is_a_problem_that_names_it(
    client: Client, job_id: str, path: str, query: dict[str, str], field: str
) -> None:
    await client.submit(job(job_id))
    answer = await client.get(path.format(job_id=job_id), **query)
    assert_is_problem(answer, 400)
    assert answer.body["field"] == field


@pytest.mark.smoke
@pytest.mark.parametrize(
    "unknown",
    ["no-such-job", "a" * 65, "b" * 2000, "with%20space", "%C3%BC", "a%2F..%2Fb", "..%5Ca", "%01", "*"],
)
async def test_a_missing_job_is_a_404_on_every_route(api: Api, unknown: str) -> None:
    for rest in ("", "/result", "/tasks", "/events"):
        assert_is_problem(await api.get(f"/jobs/{unknown}{rest}"), 404)
    assert_is_problem(await api.post(f"/jobs/{unknown}/cancel"), 404)


async def test_a_nul_in_a_path_is_refused_by_the_host_before_any_function(client: Client) -> None:
    answer = await client.get("/jobs/%00")
    assert (answer.status, answer.text) == (400, "")


@pytest.mark.smoke
async def test_everything_that_batchmgr_needs_can_be_used(api: Api) -> None:
    answer = await api.get("/health")
    assert (answer.status, answer.body["status"]) == (200, "healthy"), answer.text


async def test_health_reports_every_service_and_the_workloads(client: Client) -> None:
    assert (await client.get("/health")).body == {"status": "healthy"}
    answer = await client.get("/health/details")
    assert answer.status == 200
    assert answer.body == {
        "status": "healthy",
        "checks": {"storage": "ok", "batch": "ok", "progress": "ok"},
        "workloads": ["genome_kmers", "heat_rod", "mandelbrot_tiles"],
    }


async def test_the_callback_address_stays_secret(
    client: Client, stack: Stack, receiver: Receiver, job_id: str
) -> None:
    message = job(job_id, task("failing", "exit 1"), callBackUri=receiver.uri)
    taken = await client.post("/jobs", message)
    await client.wait_until_delivered(job_id)
    conflict = await client.post("/jobs", message | {"metadata": {"a": "b"}})
    paths = ("", "/result", "/tasks", "/events")
    answers = [taken, conflict, *[await client.get(f"/jobs/{job_id}{path}") for path in paths]]
    answers.append(await client.get("/jobs", limit=500))
    answers.append(await client.get("/health"))
    assert [answer.status for answer in answers] == [202, 409, 200, 200, 200, 200, 200, 200]
    logs = [file.read_text(errors="replace") for file in stack.log_directory.glob("functions-host.*")]
    assert any("submit_job" in log for log in logs)
    assert not [text for text in (*logs, *[answer.text for answer in answers]) if receiver.secret in text]


async def test_a_request_too_large_for_a_queue_message_is_accepted(client: Client, job_id: str) -> None:
    tasks = [task(str(number), environment={"PADDING": "x" * 1000}) for number in range(1, 151)]
    await client.submit(job(job_id, *tasks))
    outcome = await client.outcome(job_id)
    assert outcome["state"] == "succeeded"
    assert outcome["counts"]["succeeded"] == 151
