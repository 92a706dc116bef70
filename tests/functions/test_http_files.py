"""The files of tasks, results and uploads over HTTP: what is answered, and what is refused."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import azure.functions as func
import msgspec
import pytest

from batchmgr.plan.container_rules import ContainerRules
from batchmgr.plan.job_plan import OUTCOME_BLOB
from batchmgr.usecases import read_task_file
from batchmgr.wire.task_message import OutputFileMessage, TaskMessage
from tests.functions.app import Handler, ReadyRuntime, handlers
from tests.functions.http_calls import API, post, problem, request
from tests.world import World, job_message, task


@pytest.fixture
async def ended(world: World) -> World:
    """A world in which task 1 of job-1 has failed."""
    world.batch.fails.add("1")
    world.batch.files["1", "stdout.txt"] = b"0123456789"
    world.batch.files["1", "wd/page.html"] = b"<script>alert(1)</script>"
    world.enqueue(job_message())
    await world.run_until_idle()
    return world


async def get(
    app: dict[str, Handler], task_id: str, path: str = "", job_id: str = "job-1", **headers: str
) -> func.HttpResponse:
    names = {"jobId": job_id, "taskId": task_id, **({"path": path} if path else {})}
    asked = func.HttpRequest("GET", API, headers=headers, params={}, route_params=names, body=b"")
    found: func.HttpResponse = await app["get_task_file"](asked)
    return found


def body(response: func.HttpResponse) -> Any:
    assert response.status_code in {200, 201}, response.get_body()
    return json.loads(response.get_body())


async def test_the_files_of_a_task_are_listed_with_where_they_are(
    app: dict[str, Handler], ended: World
) -> None:
    files = body(await get(app, "1"))["files"]
    assert [(file["path"], file["size"], file["source"]) for file in files] == [
        ("stderr.txt", 16, "node"),
        ("stdout.txt", 10, "node"),
        ("wd/page.html", 25, "node"),
    ]
    ended.node_files.gone.add("1")
    ended.kept_files.kept["job-1", "1", "stderr.txt"] = b"kept"
    assert body(await get(app, "1", job_id="JOB-1"))["files"] == [
        {"path": "stderr.txt", "size": 4, "source": "storage"}
    ]


@pytest.mark.parametrize(
    ("header", "status", "content", "content_range"),
    [
        ("", 200, b"0123456789", None),
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=8-", 206, b"89", "bytes 8-9/10"),
        ("bytes=0-", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=0-1,3-4", 200, b"0123456789", None),
    ],
)
async def test_a_file_is_read_whole_or_in_part(
    app: dict[str, Handler], ended: World, header: str, status: int, content: bytes, content_range: str | None
) -> None:
    answer = await get(app, "1", "stdout.txt", range=header)
    assert (answer.status_code, answer.get_body()) == (status, content)
    assert answer.headers.get("Content-Range") == content_range
    assert answer.headers["X-Batchmgr-Source"] == "node"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.mimetype == "text/plain"


async def test_a_part_that_a_file_does_not_have_is_a_416_with_its_size(
    app: dict[str, Handler], ended: World
) -> None:
    answer = await get(app, "1", "stdout.txt", range="bytes=10-")
    assert problem(answer, 416)
    assert answer.headers["Content-Range"] == "bytes */10"


async def test_of_a_large_file_an_answer_has_4_mib_and_says_how_much_there_is(
    app: dict[str, Handler], ended: World
) -> None:
    size = read_task_file.MAX_PART + 3
    ended.batch.files["1", "stdout.txt"] = bytes(size)
    answer = await get(app, "1", "stdout.txt")
    assert (answer.status_code, len(answer.get_body())) == (206, 4 * 1024 * 1024)
    assert answer.headers["Content-Range"] == f"bytes 0-{size - 4}/{size}"


async def test_no_browser_shows_what_a_task_has_written_as_a_page(
    app: dict[str, Handler], ended: World
) -> None:
    answer = await get(app, "1", "wd/page.html")
    assert (answer.status_code, answer.mimetype) == (200, "application/octet-stream")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        "../2/stdout.txt",
        "wd/../../2/stdout.txt",
        "./stdout.txt",
        "..\\2\\stdout.txt",
        "..%2f2%2fstdout.txt",
        "%2e%2e/2/stdout.txt",
        "a%5Cb",
        "wd//x",
        "/etc/passwd",
        "wd/",
        "a\x00b",
    ],
)
async def test_no_path_leads_out_of_a_task(app: dict[str, Handler], ended: World, path: str) -> None:
    assert "no path of a file" in problem(await get(app, "1", path), 404)["detail"]


@pytest.mark.parametrize("task_id", ["..", "a/b", "1 2", "1%2f", "x" * 65])
async def test_what_is_no_id_of_a_task_names_none(
    app: dict[str, Handler], ended: World, task_id: str
) -> None:
    assert "has no task" in problem(await get(app, task_id, "stdout.txt"), 404)["detail"]


async def test_why_a_file_is_not_there_is_said(app: dict[str, Handler], ended: World) -> None:
    assert "has no file 'wd/none'" in problem(await get(app, "1", "wd/none"), 404)["detail"]
    assert "no task 'none'" in problem(await get(app, "none", "stdout.txt"), 404)["detail"]
    problem(await get(app, "1", "stdout.txt", job_id="none"), 404)
    ended.node_files.gone.add("1")
    assert "BATCHMGR_KEEP_TASK_FILES" in problem(await get(app, "1", "stdout.txt"), 410)["detail"]
    assert problem(await get(app, "1"), 410)
    await ended.batch.delete_job("job-1")
    assert "Batch job was deleted" in problem(await get(app, "1", "stdout.txt"), 410)["detail"]


async def test_a_task_that_waits_has_no_files_yet(app: dict[str, Handler], world: World) -> None:
    world.batch.nodes = []
    world.enqueue(job_message(task("1")))
    problem(await get(app, "1", "stdout.txt"), 404)
    await world.tick()
    for path in ("stdout.txt", ""):
        assert "not begun" in problem(await get(app, "1", path), 404)["detail"]


async def test_what_was_kept_is_read_when_the_node_has_gone_and_when_the_batch_job_has(
    app: dict[str, Handler], ended: World
) -> None:
    ended.kept_files.kept["job-1", "1", "stdout.txt"] = b"kept words"
    ended.node_files.gone.add("1")
    for _ in range(2):
        answer = await get(app, "1", "stdout.txt", range="bytes=5-")
        assert (answer.get_body(), answer.headers["X-Batchmgr-Source"]) == (b"words", "storage")
        await ended.batch.delete_job("job-1")


async def test_failures_are_answered_in_groups(app: dict[str, Handler], ended: World) -> None:
    answer = body(await app["get_failures"](request(jobId="JOB-1")))
    (group,) = answer.pop("groups")
    assert answer == {"failed": 1, "lookedAt": 1}
    assert group.pop("firstAt").startswith("2026-01-01T")
    assert group == {
        "type": "FailureExitCode",
        "category": "UserError",
        "message": "exit code 1: on stderr",
        "count": 1,
        "lookedAt": 1,
        "firstTask": "1",
        "tasks": ["1"],
        "exitCode": 1,
        "stderr": "words\non stderr\n",
    }
    problem(await app["get_failures"](request(jobId="none")), 404)


async def result(app: dict[str, Handler], name: str, **params: str) -> func.HttpResponse:
    found: func.HttpResponse = await app["get_result_file"](request(params=params, jobId="job-1", name=name))
    return found


async def with_results(world: World) -> None:
    file = OutputFileMessage(source_file_path="a.txt", target_blob_path="out/a.txt")
    world.enqueue(job_message(TaskMessage(id="1", command_line="/bin/true", output_files=(file,))))
    await world.run_until_idle()


async def test_a_result_is_a_redirect_to_a_link_of_minutes_or_the_link_itself(
    app: dict[str, Handler], world: World
) -> None:
    await with_results(world)
    uri = world.record().results[0].uri
    answer = await result(app, "out/a.txt")
    assert (answer.status_code, answer.headers["Location"]) == (302, f"{uri}?sig=r")
    assert answer.headers["Cache-Control"] == "no-store"
    answer = await result(app, "out/a.txt", redirect="false")
    link = body(answer)
    assert (link["name"], link["uri"], link["size"]) == ("out/a.txt", f"{uri}?sig=r", 7)
    assert datetime.fromisoformat(link["expiresAt"]) - datetime.now(UTC) <= timedelta(minutes=5)
    assert answer.headers["Cache-Control"] == "no-store"


async def test_only_results_are_linked_to(app: dict[str, Handler], world: World) -> None:
    world.batch.nodes = []
    file = OutputFileMessage(source_file_path="a.txt", target_blob_path="out/a.txt")
    world.enqueue(job_message(TaskMessage(id="1", command_line="/bin/true", output_files=(file,))))
    await world.tick()
    assert "has not ended" in problem(await result(app, "out/a.txt"), 409)["detail"]
    world.batch.nodes = World().batch.nodes
    await world.run_until_idle()
    for name in ("", "none", "../job-2/x", OUTCOME_BLOB):
        problem(await result(app, name), 404)
    world.links.gone.add(world.record().results[0].uri)
    assert "not in storage any more" in problem(await result(app, "out/a.txt"), 410)["detail"]


async def test_what_an_outcome_file_says_counts_only_for_containers_of_the_job(
    app: dict[str, Handler], world: World
) -> None:
    await with_results(world)
    own = world.record().results[0].uri.removesuffix("out/a.txt")
    job = world.jobs.records["job-1"]
    await world.jobs.save(
        msgspec.structs.replace(job.value, results=(), outcome_uri=f"{own}{OUTCOME_BLOB}"), job.etag
    )
    forged = {
        "results": [
            {"name": "good", "uri": f"{own}good"},
            {"name": "secret", "uri": "https://blob/batchmgr-jobs/requests/other.json"},
        ]
    }
    world.files.blobs[f"job-1/{OUTCOME_BLOB}"] = json.dumps(forged).encode()
    assert (await result(app, "good")).status_code == 302
    problem(await result(app, "secret"), 404)
    for content in (b"{", b"[]", b""):
        world.files.blobs[f"job-1/{OUTCOME_BLOB}"] = content
        problem(await result(app, "good"), 404)


async def test_an_input_is_uploaded_where_jobs_may_name_it(app: dict[str, Handler]) -> None:
    answer = body(await app["create_upload"](post({"container": "inputs", "path": "a/b.txt"})))
    assert answer["uploadUri"] == "https://blob/inputs/a/b.txt?sig=w"
    assert (answer["method"], answer["headers"]) == ("PUT", {"x-ms-blob-type": "BlockBlob"})
    assert "message" not in answer


@pytest.mark.parametrize(
    ("container", "path", "field"),
    [
        ("batchmgr-jobs", "records/x.json", "container"),
        ("job-other", "x", "container"),
        ("$web", "index.html", "container"),
        ("azure-webjobs-hosts", "x", "container"),
        ("others", "x", "container"),
        ("Inputs", "x", "container"),
        ("inputs", "../x", "path"),
        ("inputs", "", "path"),
        ("inputs", "/x", "path"),
        ("inputs", "a\\b", "path"),
        ("inputs", "x" * 2000, "path"),
    ],
)
async def test_an_upload_goes_nowhere_else(world: World, container: str, path: str, field: str) -> None:
    rules = ContainerRules(allowed=("inputs",))
    app = handlers(ReadyRuntime(replace(world.ports, containers=rules)))
    answer = await app["create_upload"](post({"container": container, "path": path}))
    assert problem(answer, 400)["field"] == field


@pytest.mark.parametrize("wrong", [b"{", [], {"container": "inputs"}, {"container": 1, "path": "x"}])
async def test_a_request_for_an_upload_that_makes_no_sense_is_a_400(
    app: dict[str, Handler], wrong: Any
) -> None:
    problem(await app["create_upload"](post(wrong)), 400)
