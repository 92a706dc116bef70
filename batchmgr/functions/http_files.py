"""HTTP triggers for files: those of tasks, what they say of failures, and results."""

from datetime import UTC, timedelta
from email.utils import format_datetime

import azure.functions as func

from batchmgr.functions.http_responses import NO_SUCH_PART, json_response, problem_response
from batchmgr.functions.http_routes import Route, bind
from batchmgr.ports import Ports
from batchmgr.runtime import Runtime
from batchmgr.usecases.link_result import link_result
from batchmgr.usecases.list_failures import list_failures
from batchmgr.usecases.read_task_file import FilePart, list_task_files, read_task_file
from batchmgr.wire.job_answer_types import LinkAnswer
from batchmgr.wire.job_answers import failure_list, file_list

TEXTS = (".txt", ".log", ".csv", ".tsv", ".json", ".yaml", ".yml", ".md", ".py", ".sh")
"""The ends of the names of files that are answered as text. A browser saves all others."""

LINK_LIFETIME = timedelta(minutes=5)
"""How long a link to a result can be followed."""


async def get_task_file(ports: Ports, req: func.HttpRequest) -> func.HttpResponse:
    """`GET /jobs/{jobId}/tasks/{taskId}/files/{*path}`: a file of a task; without a path, the list of them.

    One route: Azure's host lets `{*path}` be empty, and two routes may not match one URL.
    """
    job_id, task_id = req.route_params["jobId"], req.route_params["taskId"]
    path = req.route_params.get("path") or ""
    if not path:
        return json_response(file_list(await list_task_files(ports, job_id, task_id)))
    return _file_response(await read_task_file(ports, job_id, task_id, path, req.headers.get("range", "")))


async def get_result_file(ports: Ports, req: func.HttpRequest) -> func.HttpResponse:
    """`GET /jobs/{jobId}/results/{*name}`: redirect to a link with which this result can be read."""
    name = req.route_params.get("name") or ""
    link = await link_result(ports, req.route_params["jobId"], name, LINK_LIFETIME)
    headers = {"Cache-Control": "no-store"}
    if req.params.get("redirect", "").lower() == "false":
        answer = LinkAnswer(name=name, uri=link.uri, expires_at=link.expires_at, size=link.size)
        return json_response(answer, headers=headers)
    return func.HttpResponse(b"", status_code=302, headers={**headers, "Location": link.uri})


def _file_response(part: FilePart) -> func.HttpResponse:
    headers = {
        "Accept-Ranges": "bytes",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "X-Batchmgr-Source": part.source,
    }
    if part.span is None:
        size = part.file.size
        response = problem_response(NO_SUCH_PART, f"the file has {size} bytes, and none of those")
        response.headers.update({**headers, "Content-Range": f"bytes */{size}"})
        return response
    if part.file.last_modified is not None:
        headers["Last-Modified"] = format_datetime(part.file.last_modified.astimezone(UTC), usegmt=True)
    if part.span.is_part:
        headers["Content-Range"] = part.span.content_range
    is_text = part.file.path.lower().endswith(TEXTS)
    return func.HttpResponse(
        part.content,
        status_code=206 if part.span.is_part else 200,
        headers=headers,
        mimetype="text/plain" if is_text else "application/octet-stream",
        charset="utf-8",
    )


async def get_failures(ports: Ports, req: func.HttpRequest) -> func.HttpResponse:
    """`GET /jobs/{jobId}/failures`: the failed tasks in groups, by what their files say."""
    return json_response(failure_list(await list_failures(ports, req.route_params["jobId"])))


ROUTES = (
    Route(method="GET", path="jobs/{jobId}/failures", handler=get_failures),
    Route(method="GET", path="jobs/{jobId}/tasks/{taskId}/files/{*path}", handler=get_task_file),
    Route(method="GET", path="jobs/{jobId}/results/{*name}", handler=get_result_file),
)


def blueprint(runtime: Runtime) -> func.Blueprint:
    """Return the blueprint of these routes. Callers need a function key."""
    return bind(runtime, ROUTES)
