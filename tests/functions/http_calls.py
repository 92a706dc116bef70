"""Requests as the Python worker makes them, and the problem documents that answer them."""

import json
from typing import Any

import azure.functions as func

API = "https://batchmgr.example/api"
JOB = {"jobId": "job-1", "tasks": [{"id": "a", "commandLine": "true"}]}


def request(
    path: str = "/jobs",
    *,
    method: str = "GET",
    body: Any = None,
    headers: dict[str, str] | None = None,
    params: dict[str, str] | None = None,
    **route_params: str,
) -> func.HttpRequest:
    """A request as the worker makes it: header names in lower case, the body as bytes."""
    return func.HttpRequest(
        method,
        API + path,
        headers=headers or {},
        params=params or {},
        route_params=route_params,
        body=body if isinstance(body, bytes) else json.dumps(body).encode(),
    )


def post(body: Any, **headers: str) -> func.HttpRequest:
    return request(method="POST", body=body, headers={k.replace("_", "-"): v for k, v in headers.items()})


def problem(response: func.HttpResponse, status: int) -> dict[str, Any]:
    """The problem document of an answer that has to have this status."""
    assert response.status_code == status
    assert response.mimetype == "application/problem+json"
    document: dict[str, Any] = json.loads(response.get_body())
    assert document["status"] == status
    return document
