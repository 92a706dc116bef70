"""A server that answers as the HTTP API does, with the dashboard's page next to it."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from batchmgr.functions.http_dashboard import dashboard
from tests.dashboard.sample_jobs import Json, SampleJob

PROBLEM = "application/problem+json"
MOST_BYTES = 4 * 1024 * 1024


class StandInApi:
    """The API with these jobs. A test may change them, take routes away, and ask for a key."""

    def __init__(self, jobs: Iterable[SampleJob] = ()) -> None:
        self.jobs = {job.job_id: job for job in jobs}
        self.key = ""
        self.sign_in: web.Response | None = None
        self.knows_ends_only = False
        self.broken = False
        self.missing: set[str] = set()
        self.asked: list[str] = []
        self.waiting: set[str] = set()
        self.posted: list[tuple[str, str, str]] = []
        self.files: dict[str, bytes] = {}
        self.source = "node"
        self.letters: list[Json] = []
        self.health: Json = {"status": "healthy", "checks": {"storage": "ok", "batch": "ok"}, "workloads": []}
        self.url = ""
        self._changed = asyncio.Condition()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until this holds, which depends on what was asked."""
        async with asyncio.timeout(30), self._changed:
            await self._changed.wait_for(condition)

    async def until_waited_for(self, job_id: str) -> None:
        """Wait until the page waits for a change of this job."""
        await self.until(lambda: job_id in self.waiting)

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def change(self, job_id: str, **values: Any) -> None:
        """Change a job, and wake who waits for that."""
        job = self.jobs[job_id]
        for name, value in values.items():
            setattr(job, name, value)
        job.version += 1
        await self._tell()

    @asynccontextmanager
    async def served(self) -> AsyncIterator[str]:
        """Serve until the block ends. Give the URL of the page."""
        app = web.Application(middlewares=[self._checked])
        for route, handler in self._routes():
            app.router.add_route("*", f"/api/{route}", handler)
        runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/api"
        try:
            yield f"{self.url}/dashboard"
        finally:
            await runner.cleanup()

    def _routes(self) -> Iterable[tuple[str, Any]]:
        yield "dashboard", _page
        yield "jobs", self._list
        yield "jobs/{id}", self._job
        for name in ("timeline", "failures", "result", "usage", "tasks"):
            yield f"jobs/{{id}}/{name}", self._part
        yield "jobs/{id}/tasks/{task}", self._task
        yield "jobs/{id}/tasks/{task}/files", self._files
        yield "jobs/{id}/tasks/{task}/files/{path:.+}", self._file
        yield "jobs/{id}/results/{name:.+}", self._result_link
        for name in ("cancel", "rerun", "redrive"):
            yield f"jobs/{{id}}/{name}", self._act
        yield "dead-letters", self._dead_letters
        yield "health/details", self._health

    @web.middleware
    async def _checked(self, request: web.Request, handler: Any) -> web.StreamResponse:
        path = request.path.removeprefix("/api/")
        if path == "dashboard":
            return await handler(request)  # type: ignore[no-any-return]
        self.asked.append(path)
        await self._tell()
        if self.broken:
            return problem(503, "ServiceBusy", "storage is busy")
        if self.sign_in is not None:
            return web.Response(status=self.sign_in.status, headers=self.sign_in.headers)
        if self.key and request.headers.get("x-functions-key") != self.key:
            return web.Response(status=401)
        if path.rpartition("/")[2] in self.missing:
            return web.Response(status=404)
        if "id" in request.match_info and request.match_info["id"] not in self.jobs:
            return problem(404, "JobNotFound", "there is no such job")
        return await handler(request)  # type: ignore[no-any-return]

    async def _list(self, request: web.Request) -> web.Response:
        query, jobs = request.query, sorted(self.jobs.values(), key=lambda job: job.created_at, reverse=True)
        states = query.get("state", "").split(",") if query.get("state") else []
        found = [
            job
            for job in jobs
            if (not states or job.state in states or ("ended" if job.is_final else "active") in states)
            and job.job_id.startswith(query.get("prefix", ""))
            and all(
                job.answer()["metadata"].get(name.removeprefix("metadata.")) == value
                for name, value in query.items()
                if name.startswith("metadata.")
            )
        ]
        first, limit = int(query.get("after", 0)), int(query["limit"])
        page: Json = {"jobs": [job.answer(self.url) for job in found[first : first + limit]]}
        if len(found) > first + limit:
            page["nextLink"] = str(
                request.url.update_query(after=first + limit).with_host("elsewhere.example")
            )
        return web.json_response(page)

    async def _job(self, request: web.Request) -> web.Response:
        job = self.jobs[request.match_info["id"]]
        known = request.headers.get("if-none-match", "")

        def etag() -> str:
            return f'"{job.version}"'

        if known and "wait" in request.query and known == etag():
            self.waiting.add(job.job_id)
            await self._tell()
            try:
                async with asyncio.timeout(float(request.query["wait"])), self._changed:
                    await self._changed.wait_for(lambda: etag() != known)
            except TimeoutError:
                return web.Response(status=304)
            finally:
                self.waiting.discard(job.job_id)
                await self._tell()
        return web.json_response(job.answer(self.url), headers={"ETag": etag()})

    async def _part(self, request: web.Request) -> web.Response:
        job = self.jobs[request.match_info["id"]]
        name = request.path.rpartition("/")[2]
        if name == "tasks":
            tasks = [job.task(task_id) or {} for task_id in job.runs["taskId"]]
            wanted = request.query.get("state")
            found = [task for task in tasks if wanted in (None, task["state"])]
            return web.json_response({"tasks": found[: int(request.query["limit"])]})
        if name == "usage":
            return web.json_response(job.usage) if job.usage else web.Response(status=404)
        if name == "timeline" and self.knows_ends_only:
            return web.json_response(job.timeline(of_ends_only=True))
        return web.json_response(getattr(job, name)())

    async def _task(self, request: web.Request) -> web.Response:
        task = self.jobs[request.match_info["id"]].task(request.match_info["task"])
        return web.json_response(task) if task else problem(404, "NotInBatch", "the task is gone")

    async def _files(self, request: web.Request) -> web.Response:
        files = [
            {
                "path": path,
                "size": len(content),
                "lastModified": "2026-11-28T12:00:00Z",
                "source": self.source,
            }
            for path, content in self.files.items()
        ]
        return web.json_response({"files": files})

    async def _file(self, request: web.Request) -> web.Response:
        content = self.files.get(request.match_info["path"])
        if content is None:
            return problem(410, "NotInBatch", "the node has gone, and the file was not kept")
        asked = re.fullmatch(r"bytes=(\d*)-(\d*)", request.headers["range"])
        assert asked is not None
        size = len(content)
        first = int(asked[1]) if asked[1] else max(size - int(asked[2]), 0)
        last = min(int(asked[2]) if asked[1] and asked[2] else size - 1, first + MOST_BYTES - 1, size - 1)
        if first >= size:
            return web.Response(status=416, headers={"Content-Range": f"bytes */{size}"})
        headers = {"Content-Range": f"bytes {first}-{last}/{size}", "X-Batchmgr-Source": self.source}
        return web.Response(
            status=206, body=content[first : last + 1], headers=headers, content_type="text/plain"
        )

    async def _result_link(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        link = {
            "name": name,
            "uri": f"{self.url}/download/{name}",
            "expiresAt": "2026-11-28T12:10:00Z",
            "size": 5,
        }
        return web.json_response(link)

    async def _act(self, request: web.Request) -> web.Response:
        job, act = self.jobs[request.match_info["id"]], request.path.rpartition("/")[2]
        self.posted.append((request.method, f"{job.job_id}/{act}", await request.text()))
        if act == "cancel":
            await self.change(job.job_id, state="cancelled")
        new = f"{job.job_id}-rerun-1" if act == "rerun" else job.job_id
        if act == "rerun":
            self.jobs[new] = SampleJob(job_id=new, size=job.failed, ended=0, more={"rerunOf": job.job_id})
        return web.json_response({"jobId": new, "state": "queued"}, status=202)

    async def _dead_letters(self, request: web.Request) -> web.Response:
        return web.json_response({"deadLetters": self.letters})

    async def _health(self, request: web.Request) -> web.Response:
        return web.json_response(self.health, status=503 if self.health["status"] == "unhealthy" else 200)


async def _page(request: web.Request) -> web.Response:
    answer = dashboard()
    return web.Response(
        body=answer.get_body(), headers=dict(answer.headers), content_type="text/html", charset="utf-8"
    )


def problem(status: int, code: str, detail: str) -> web.Response:
    body = {"type": "about:blank", "title": code, "status": status, "code": code, "detail": detail}
    return web.json_response(body, status=status, content_type=PROBLEM)
