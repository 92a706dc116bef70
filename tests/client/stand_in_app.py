"""An app that follows the HTTP contract, as far as a client sees it, and does what a test tells it to.

It runs in a thread of its own, so that clients without `async`, and processes, can call it. Jobs do not run:
a test changes them. The app can fail, restart, be old, and keep what it was asked.
"""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Json = dict[str, Any]
FINAL = {"succeeded", "partial", "failed", "cancelled", "timed_out", "rejected"}
LEAST_WAIT_S = 0.05


@dataclass
class StoredJob:
    """A job, with its tasks, files and events."""

    body: Json
    tasks: list[Json] = field(default_factory=list)
    events: list[Json] = field(default_factory=list)
    files: dict[tuple[str, str], bytes] = field(default_factory=dict)
    results: dict[str, bytes] = field(default_factory=dict)
    groups: list[Json] = field(default_factory=list)
    version: int = 1


@dataclass
class StandInApp:
    """The app. `old`: without long polls. `trouble` answers a request instead, if it returns a response."""

    jobs: dict[str, StoredJob] = field(default_factory=dict)
    asked: list[tuple[str, str, Mapping[str, str]]] = field(default_factory=list)
    uploaded: dict[str, bytes] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    letters: list[Json] = field(default_factory=list)
    old: bool = False
    page: int = 1000
    trouble: Callable[[web.Request], web.StreamResponse | None] = lambda request: None
    on_wait: Callable[[], None] = lambda: None
    url: str = ""

    def add(self, job_id: str, state: str = "running", **facts: Any) -> StoredJob:
        counts = {"active": 0, "running": 1, "completed": 0, "succeeded": 0, "failed": 0}
        number = len(self.jobs)
        body = {
            "jobId": job_id,
            "state": state,
            "workload": "",
            "poolId": "hpc",
            "metadata": {},
            "total": 3,
            "createdAt": f"2026-11-28T10:00:{number:02d}Z",
            "updatedAt": f"2026-11-28T10:01:{number:02d}Z",
            "counts": counts,
            "statusUri": f"{self.url}/api/jobs/{job_id}",
        }
        self.jobs[job_id] = StoredJob(body=body | facts)
        return self.jobs[job_id]

    def change(self, job_id: str, **facts: Any) -> None:
        job = self.jobs[job_id]
        job.body |= facts
        job.version += 1

    def tell(self, job_id: str, kind: str, **data: Any) -> None:
        events = self.jobs[job_id].events
        number = len(events) + 1
        events.append(
            {
                "id": f"{job_id}/{number}",
                "type": f"batchmgr.{kind}",
                "subject": f"jobs/{job_id}",
                "time": "2026-11-28T10:00:01Z",
                "sequence": f"{number:010d}",
                "data": data,
            }
        )

    def end(self, job_id: str, state: str = "succeeded", succeeded: int = 3, failed: int = 0) -> None:
        counts = {"active": 0, "running": 0, "completed": succeeded + failed}
        self.change(job_id, state=state, counts=counts | {"succeeded": succeeded, "failed": failed})
        self.tell(job_id, f"job.{state}", jobId=job_id, state=state)

    def paths(self) -> list[str]:
        return [f"{method} {path}" for method, path, _ in self.asked]


def problem(status: int, code: str, detail: str, **more: Any) -> web.Response:
    body = {"title": "No", "status": status, "code": code, "detail": detail, **more}
    headers = {"Retry-After": "0"} if status == 503 else None
    return web.json_response(body, status=status, headers=headers, content_type="application/problem+json")


USAGE = {
    "tasks": 61,
    "failed": 1,
    "taskSeconds": 36120.4,
    "slotSeconds": 36120.4,
    "lostAttempts": 2,
    "vmSize": "standard_d4s_v3",
    "os": "linux",
    "slotsPerNode": 4,
    "coreHours": 10.0334,
    "nodeHoursUsed": {"dedicated": 2.5084},
    "nodeHoursIdle": {"dedicated": 0.5},
    "utilisation": 0.83,
    "cost": {
        "currency": "EUR",
        "region": "westeurope",
        "asOf": "2026-11-01T00:00:00Z",
        "used": 0.6,
        "idle": 0.12,
    },
    "kinds": [
        {
            "kind": "count",
            "tasks": 60,
            "failed": 1,
            "taskSeconds": 36000.0,
            "longestSeconds": 912.4,
            "slotSeconds": 36000.0,
            "meanWaitSeconds": 41.2,
            "lostAttempts": 2,
        },
        {"kind": "FinalizeTask", "tasks": 1, "taskSeconds": 0.4, "longestSeconds": 0.4, "slotSeconds": 0.4},
    ],
}
"""What every job has used."""


class Routes:
    """The routes of the app."""

    def __init__(self, app: StandInApp) -> None:
        self.app = app

    def job(self, request: web.Request) -> StoredJob:
        found = self.app.jobs.get(request.match_info["job"])
        if found is None:
            raise RefusedError(problem(404, "JobNotFound", f"There is no job {request.match_info['job']!r}."))
        return found

    async def until(self, request: web.Request, is_new: Callable[[], bool]) -> None:
        """Wait as the request says, until something is new."""
        seconds = 0 if self.app.old else int(request.query.get("wait", 0))
        end = asyncio.get_running_loop().time() + seconds
        while not is_new() and asyncio.get_running_loop().time() < end:
            self.app.on_wait()
            await asyncio.sleep(LEAST_WAIT_S)

    async def submit(self, request: web.Request) -> web.Response:
        body = await request.json()
        key = request.headers.get("idempotency-key", "")
        if "tasks" not in body and "uploadedRequest" not in body:
            errors = [
                {"detail": "unknown field", "pointer": "#/task"},
                {"detail": "is missing", "pointer": "#/tasks"},
            ]
            return problem(400, "InvalidJob", "unknown field", field="task", errors=errors)
        job_id = body.get("jobId") or self.app.keys.setdefault(key, f"job-{len(self.app.keys) + 1}")
        if job_id not in self.app.jobs:
            self.app.add(job_id, "queued", counts={}, total=0)
        return self.accepted(job_id)

    def accepted(self, job_id: str) -> web.Response:
        state = self.app.jobs[job_id].body["state"]
        uri = f"{self.app.url}/api/jobs/{job_id}"
        return web.json_response({"jobId": job_id, "state": state, "statusUri": uri}, status=202)

    async def list_jobs(self, request: web.Request) -> web.Response:
        jobs = [one.body for one in self.app.jobs.values()]
        jobs.sort(key=lambda body: body["createdAt"], reverse=True)
        if state := request.query.get("state"):
            jobs = [body for body in jobs if body["state"] in state.split(",")]
        jobs = [body for body in jobs if body["jobId"].startswith(request.query.get("prefix", ""))]
        return self.paged(request, "jobs", jobs, int(request.query.get("limit", 50)))

    def paged(self, request: web.Request, name: str, found: list[Json], limit: int) -> web.Response:
        begin = int(request.query.get("after", 0))
        page: Json = {name: found[begin : begin + limit], "newField": 1}
        if begin + limit < len(found):
            page["nextLink"] = "https://elsewhere.example" + str(
                request.rel_url.update_query(after=begin + limit)
            )
        return web.json_response(page)

    async def get(self, request: web.Request) -> web.Response:
        job = self.job(request)
        if self.app.old:
            return web.json_response(job.body)
        known = request.headers.get("if-none-match", "")
        if known:
            await self.until(request, lambda: f'"{job.version}"' != known)
        if f'"{job.version}"' == known:
            return web.Response(status=304)
        return web.json_response(job.body | {"newField": {}}, headers={"ETag": f'"{job.version}"'})

    async def result(self, request: web.Request) -> web.Response:
        job = self.job(request)
        await self.until(request, lambda: job.body["state"] in FINAL)
        if job.body["state"] not in FINAL:
            return self.accepted(job.body["jobId"])
        results = [{"name": name, "uri": f"{self.app.url}/blobs/{name}"} for name in job.results]
        shown = {
            name: job.body.get(name) for name in ("jobId", "state", "total", "counts", "error", "workload")
        }
        return web.json_response({**shown, "results": results, "failedTasks": [], "taskResults": []})

    async def events(self, request: web.Request) -> web.Response:
        job, after = self.job(request), int(request.query.get("after", 0))
        await self.until(request, lambda: len(job.events) > after)
        found = job.events[after : after + 2]
        page: Json = {"events": found, "last": after + len(found)}
        return web.json_response(page if self.app.old else page | {"state": job.body["state"]})

    async def tasks(self, request: web.Request) -> web.Response:
        job = self.job(request)
        wanted = {"state": "state", "kind": "kind", "node": "nodeId", "exitCode": "exitCode"}
        found = job.tasks
        for name, field_ in wanted.items():
            if text := request.query.get(name):
                found = [task for task in found if text in (str(task.get(field_)), _word(task))]
        return self.paged(request, "tasks", found, self.app.page)

    async def task(self, request: web.Request) -> web.Response:
        for task in self.job(request).tasks:
            if task["taskId"] == request.match_info["task"]:
                return web.json_response(task)
        return problem(404, "NotInBatch", "The job has no such task.")

    async def files(self, request: web.Request) -> web.Response:
        found = [
            {"path": path, "size": len(content), "source": "node"}
            for (task, path), content in self.job(request).files.items()
            if task == request.match_info["task"]
        ]
        return web.json_response({"files": found})

    async def file(self, request: web.Request) -> web.Response:
        self.app.on_wait()
        key = (request.match_info["task"], request.match_info["path"])
        content = self.job(request).files.get(key)
        if content is None:
            return problem(404, "NoSuchFile", "The task has no such file yet.")
        return ranged(request, content, most=4 * 1024 * 1024)

    async def usage(self, request: web.Request) -> web.Response:
        self.job(request)
        return web.json_response(USAGE)

    async def failures(self, request: web.Request) -> web.Response:
        job = self.job(request)
        return web.json_response({"failed": sum(one["count"] for one in job.groups), "groups": job.groups})

    async def link(self, request: web.Request) -> web.Response:
        name = request.match_info["path"]
        content = self.job(request).results.get(name)
        if content is None:
            return problem(404, "NoSuchFile", "The job has no such result.")
        uri = f"{self.app.url}/blobs/{name}?job={request.match_info['job']}&sig=secret"
        return web.json_response({"name": name, "uri": uri, "size": len(content)})

    async def blob(self, request: web.Request) -> web.Response:
        return ranged(request, self.app.jobs[request.query["job"]].results[request.match_info["path"]])

    async def grant(self, request: web.Request) -> web.Response:
        text = await request.text()
        asked = json.loads(text) if text else {"container": "batchmgr-requests", "path": "1"}
        uri = f"{self.app.url}/blobs/{asked['container']}/{asked['path']}?sig=secret"
        body = {"uploadUri": uri, "method": "PUT", "headers": {"x-ms-blob-type": "BlockBlob"}}
        return web.json_response(body | {"message": {"uploadedRequest": "1"}}, status=201)

    async def put(self, request: web.Request) -> web.Response:
        self.app.uploaded[request.match_info["path"]] = await request.read()
        return web.Response(status=201)

    async def cancel(self, request: web.Request) -> web.Response:
        self.job(request)
        self.app.end(request.match_info["job"], "cancelled", 0)
        return self.accepted(request.match_info["job"])

    async def rerun(self, request: web.Request) -> web.Response:
        self.job(request)
        before, _, number = request.match_info["job"].partition("-rerun-")
        new = (await request.json()).get("jobId") or f"{before}-rerun-{int(number or 0) + 1}"
        if new not in self.app.jobs:
            self.app.add(new, "queued")
        return self.accepted(new)

    async def redrive(self, request: web.Request) -> web.Response:
        if self.job(request).body.get("callback", {}).get("state") != "dead":
            return problem(409, "NotPossible", f"Job {request.match_info['job']!r} has no callback.")
        self.app.change(request.match_info["job"], callback={"state": "delivered"})
        return self.accepted(request.match_info["job"])

    async def delete(self, request: web.Request) -> web.Response:
        if self.job(request).body["state"] not in FINAL:
            return problem(409, "JobNotEnded", "It has not ended: cancel it first.")
        del self.app.jobs[request.match_info["job"]]
        return web.Response(status=204)

    async def dead_letters(self, request: web.Request) -> web.Response:
        return self.paged(request, "deadLetters", self.app.letters, int(request.query["limit"]))


def _word(task: Json) -> str:
    return {"success": "succeeded", "failure": "failed"}.get(task.get("result", ""), str(task["state"]))


class RefusedError(Exception):
    """A handler has an answer already."""

    def __init__(self, response: web.Response) -> None:
        super().__init__()
        self.response = response


def ranged(request: web.Request, content: bytes, most: int = 1 << 40) -> web.Response:
    """Answer with the bytes that the request asks for, as the contract says."""
    size, headers = (
        len(content),
        {"ETag": f'"{hash(content)}"', "Last-Modified": "Sat, 28 Nov 2026 10:00:00 GMT"},
    )
    text = request.headers.get("range", "").removeprefix("bytes=")
    first, _, last = text.partition("-")
    begin, end = (max(0, size - int(last)), size) if not first and last else (int(first or 0), size)
    if first and last:
        end = min(size, int(last) + 1)
    if text and (begin >= size or not size):
        return web.Response(status=416, headers=headers | {"Content-Range": f"bytes */{size}"})
    end = min(end, begin + most)
    if (begin, end) == (0, size) and not text:
        return web.Response(body=content, headers=headers)
    span = {"Content-Range": f"bytes {begin}-{end - 1}/{size}"}
    return web.Response(status=206, body=content[begin:end], headers=headers | span)


def application(app: StandInApp) -> web.Application:
    """Return the app as aiohttp serves it."""

    @web.middleware
    async def first(request: web.Request, handler: Any) -> web.StreamResponse:
        app.asked.append((request.method, request.path_qs, dict(request.headers)))
        if (instead := app.trouble(request)) is not None:
            return instead
        try:
            answer: web.StreamResponse = await handler(request)
        except RefusedError as refused:
            return refused.response
        return answer

    routes = Routes(app)
    served = web.Application(middlewares=[first], client_max_size=1 << 30)
    job = "/api/jobs/{job}"
    served.add_routes(
        [
            web.post("/api/jobs", routes.submit),
            web.get("/api/jobs", routes.list_jobs),
            web.get(job, routes.get),
            web.delete(job, routes.delete),
            web.get(f"{job}/result", routes.result),
            web.get(f"{job}/events", routes.events),
            web.get(f"{job}/tasks", routes.tasks),
            web.get(f"{job}/tasks/{{task}}", routes.task),
            web.get(f"{job}/tasks/{{task}}/files", routes.files),
            web.get(f"{job}/tasks/{{task}}/files/{{path:.+}}", routes.file),
            web.get(f"{job}/failures", routes.failures),
            web.get(f"{job}/usage", routes.usage),
            web.get(f"{job}/results/{{path:.+}}", routes.link),
            web.post(f"{job}/cancel", routes.cancel),
            web.post(f"{job}/rerun", routes.rerun),
            web.post(f"{job}/redrive", routes.redrive),
            web.post("/api/uploads", routes.grant),
            web.get("/api/dead-letters", routes.dead_letters),
            web.get("/blobs/{path:.+}", routes.blob),
            web.put("/blobs/{path:.+}", routes.put),
        ]
    )
    return served


@contextmanager
def stand_in_app() -> Iterator[StandInApp]:
    """Serve an app on a free port, in a thread, until the end of the block."""
    app = StandInApp()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def start() -> web.AppRunner:
        runner = web.AppRunner(application(app), shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        app.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    runner = asyncio.run_coroutine_threadsafe(start(), loop).result()
    try:
        yield app
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
