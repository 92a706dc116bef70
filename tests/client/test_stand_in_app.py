"""The stand-in for the app answers what the OpenAPI document of the real app says, as far as it answers."""

import re
from typing import Any

import httpx
import jsonschema
import pytest

from batchmgr.functions.api_operations import API_VERSION, OPERATIONS
from batchmgr.functions.http_responses import ALL_KINDS
from batchmgr.wire.openapi_document import openapi_document
from tests.client.stand_in_app import StandInApp

ADDED = "newField"
"""What the stand-in adds, because clients have to get along with it."""

CALLS = [
    ("POST", "jobs", 202),
    ("GET", "jobs", 200),
    ("GET", "jobs/ended", 200),
    ("GET", "jobs/ended/result", 200),
    ("GET", "jobs/running/result", 202),
    ("GET", "jobs/ended/events", 200),
    ("GET", "jobs/ended/tasks", 200),
    ("GET", "jobs/ended/tasks/t", 200),
    ("GET", "jobs/ended/tasks/none", 404),
    ("GET", "jobs/ended/tasks/t/files", 200),
    ("GET", "jobs/ended/tasks/t/files/none", 404),
    ("GET", "jobs/ended/failures", 200),
    ("GET", "jobs/ended/usage", 200),
    ("GET", "jobs/ended/results/x.csv", 200),
    ("GET", "jobs/ended/results/none", 404),
    ("POST", "jobs/running/cancel", 202),
    ("POST", "jobs/ended/rerun", 202),
    ("POST", "jobs/ended/redrive", 202),
    ("POST", "jobs/running/redrive", 409),
    ("DELETE", "jobs/running", 409),
    ("GET", "jobs/none", 404),
    ("POST", "uploads", 201),
    ("GET", "dead-letters?limit=5", 200),
]

DOCUMENT = openapi_document(OPERATIONS, server="https://app.example/api", version=API_VERSION)


@pytest.fixture
def jobs(app: StandInApp) -> StandInApp:
    error = {"type": "ValueError", "message": "no", "stderr": "oh", "traceback": "…"}
    ended = app.add("ended", callback={"state": "dead", "attempts": 3, "lastError": "500"})
    ended.tasks = [{"taskId": "t", "state": "completed", "result": "failure", "exitCode": 1, "error": error}]
    ended.files[("t", "stdout.txt")] = b"x"
    ended.results["x.csv"] = b"x"
    app.end("ended", "partial", 2, 1)
    app.add("running", waitingFor={"code": "Quota", "reason": "full", "since": "2026-11-28T10:00:00Z"})
    app.letters = [{"id": "1", "kind": "callback", "time": "2026-11-28T10:00:00Z", "jobId": "a"}]
    return app


@pytest.mark.parametrize(("method", "path", "status"), CALLS)
def test_an_answer_is_as_described(method: str, path: str, status: int, jobs: StandInApp) -> None:
    body: Any = {"tasks": []} if path == "jobs" else None if path == "uploads" else {}
    answer = httpx.request(method, f"{jobs.url}/api/{path}", json=body if method == "POST" else None)
    assert answer.status_code == status
    described = described_answer(method, path.partition("?")[0], status)
    (media_type, content) = next(iter(described["content"].items()))
    assert answer.headers["content-type"].partition(";")[0] == media_type
    schema = {**content["schema"], "components": lenient(DOCUMENT["components"])}
    jsonschema.Draft202012Validator(schema).validate(without_added(answer.json()))
    if status >= 400:
        assert (status, answer.json()["code"]) in {(kind.status, kind.code) for kind in ALL_KINDS}


def described_answer(method: str, path: str, status: int) -> Any:
    """What the document says of the answer."""
    for template, operations in DOCUMENT["paths"].items():
        pattern = re.sub(r"/\\{(path|name)\\}", "(/.*)?", re.escape(template.lstrip("/")))
        if re.fullmatch(re.sub(r"\\{\w+\\}", "[^/]+", pattern), path) and method.lower() in operations:
            return operations[method.lower()]["responses"][str(status)]
    raise AssertionError(f"the document has no {method} {path}")


def lenient(schema: Any) -> Any:
    """A schema in which no object has other fields than it names, and may lack some."""
    if isinstance(schema, list):
        return [lenient(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: lenient(value) for name, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        found.pop("required", None)
        found.setdefault("additionalProperties", False)
    return found


def without_added(value: Any) -> Any:
    if isinstance(value, list):
        return [without_added(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {name: without_added(one) for name, one in value.items() if name != ADDED}
