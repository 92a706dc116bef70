"""The request of each route, with what its caller has said."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from math import ceil
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import msgspec

from batchmgr.client.exchange import Request

LONG_POLL_S = 60
"""The longest `wait=` that an app takes."""

MARGIN_S = 30.0
"""How much longer than `wait=` the answer to a long poll may take."""

JSON = {"content-type": "application/json"}


def job_path(job_id: str, *more: str) -> str:
    """Return the path of a job, or of what is below it. A slash in the last part separates folders."""
    parts = [quote(job_id, safe=""), *(quote(part, safe="") for part in more[:-1])]
    parts += [quote(part, safe="/") for part in more[-1:]]
    return "/jobs/" + "/".join(parts)


def post(path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Request:
    """Return a POST, with a JSON body or none."""
    content = body if isinstance(body, bytes) else b"" if body is None else msgspec.json.encode(body)
    return Request(method="POST", path=path, body=content, headers={**JSON, **(headers or {})})


def long_poll(path: str, wait_s: float, query: Mapping[str, str | int], etag: str = "") -> Request:
    """Return a GET that the app answers when there is something new, or after `wait_s` seconds."""
    seconds = max(0, min(LONG_POLL_S, ceil(wait_s)))
    return Request(
        path=path,
        query={**query, "wait": seconds} if seconds else query,
        headers={"if-none-match": etag} if etag else {},
        timeout_s=seconds + MARGIN_S,
    )


def query_of(**parameters: str | int | datetime | None) -> dict[str, str | int]:
    """Return the parameters that have a value."""
    given: dict[str, str | int] = {}
    for name, value in parameters.items():
        if isinstance(value, datetime):
            given[name] = value.isoformat()
        elif value is not None and value != "":
            given[name] = value
    return given


def next_page(link: str) -> Request:
    """Return the request of a `nextLink`. It goes to the address that the caller knows, whatever its host."""
    parts = urlsplit(link)
    below = parts.path.partition("/api/")[2]
    query: dict[str, str | int] = dict(parse_qsl(parts.query, keep_blank_values=True))
    return Request(path=f"/{below}", query=query)


def rerun(
    job_id: str,
    tasks: str,
    new_job_id: str,
    callback_uri: str | None,
    webhooks: Sequence[Mapping[str, Any]] | None,
    idempotency_key: str,
) -> Request:
    """Return the request of a rerun."""
    body: dict[str, object] = {"tasks": tasks}
    if new_job_id:
        body["jobId"] = new_job_id
    if callback_uri is not None:
        body["callBackUri"] = callback_uri
    if webhooks is not None:
        body["webhooks"] = list(webhooks)
    headers = {"idempotency-key": idempotency_key} if idempotency_key else {}
    return post(job_path(job_id, "rerun"), body, headers)


def jobs(
    state: str,
    workload: str,
    prefix: str,
    metadata: Mapping[str, str],
    since: datetime | None,
    until: datetime | None,
    limit: int,
) -> Request:
    """Return the request of the first page of jobs."""
    query = query_of(state=state, workload=workload, prefix=prefix, since=since, until=until, limit=limit)
    return Request(path="/jobs", query={**query, **{f"metadata.{k}": v for k, v in metadata.items()}})


def tasks(
    job_id: str, state: str, exit_code: int | None, error: str, kind: str, node: str, limit: int
) -> Request:
    """Return the request of the first page of a job's tasks."""
    query = query_of(state=state, exitCode=exit_code, error=error, kind=kind, node=node, limit=limit)
    return Request(path=job_path(job_id, "tasks"), query=query)
