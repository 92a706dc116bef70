"""The client for code with `async`. Its twin is `sync_client`; what both do is in `flows`."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from batchmgr.client import calls, file_flows, flows
from batchmgr.client.answers import (
    Accepted,
    DeadLetter,
    DeadLetterPage,
    Event,
    Failures,
    Job,
    JobPage,
    Outcome,
    Task,
    TaskFiles,
    TaskPage,
    Timeline,
    Usage,
)
from batchmgr.client.calls import job_path, post
from batchmgr.client.connection import AppAddress, chunks, no_answer, reply_of
from batchmgr.client.exchange import Flow, Item, NoAnswerError, Pause, Reply, Request, Run
from batchmgr.client.progress_bar import progress_bar
from batchmgr.client.retries import Report, RetryPolicy

T = TypeVar("T")


class AsyncClient:
    """Calls the HTTP API of an app. Close it, or use it in an `async with` block.

    `url` is the address of the app, with or without `/api`; without one, that of the variable BATCHMGR_URL,
    or else the local stack. `key` is a function key; `headers` go with every request, for an app behind a
    sign-in. An app that can't be reached or is busy is asked again for `patience_s` seconds; whoever follows
    a job is more patient. `report` is told of each such try.
    """

    def __init__(
        self,
        url: str = "",
        *,
        key: str = "",
        headers: Mapping[str, str] | None = None,
        patience_s: float = 120.0,
        report: Report | None = None,
    ) -> None:
        self.address = AppAddress(url, key, headers or {})
        self._policy = RetryPolicy(patience_s=patience_s, report=report)
        self._http = httpx.AsyncClient(verify=self.address.is_https)
        self._storage: httpx.AsyncClient | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()
        if self._storage is not None:
            await self._storage.aclose()

    async def submit(self, message: Mapping[str, object] | bytes, *, idempotency_key: str = "") -> Accepted:
        """Send a job message: a mapping, or JSON. Sending the same `jobId` or key again is the same job.

        A message over 8 MiB is uploaded first. Raise AppError if the app does not accept it: its `problems`
        say what is wrong.
        """
        return await self._run(flows.submit(message, idempotency_key, self._policy))

    async def job(self, job_id: str) -> Job:
        """Return a job as it is now. Raise NotFoundError if there is none."""
        return await self._run(flows.one(Request(path=job_path(job_id)), Job, self._policy))

    async def newest_job(self) -> Job:
        """Return the newest job of the app. Raise NotFoundError if it has none."""
        return await self._run(flows.newest(self._policy))

    async def failures(self, job_id: str) -> Failures:
        """Return the failed tasks of a job in groups, the largest first."""
        return await self._run(flows.one(Request(path=job_path(job_id, "failures")), Failures, self._policy))

    async def timeline(self, job_id: str) -> Timeline:
        """Return when the tasks of a job have run, and where, as columns."""
        return await self._run(flows.one(Request(path=job_path(job_id, "timeline")), Timeline, self._policy))

    async def answer(self, path: str) -> dict[str, Any]:
        """Return the JSON that any address of the API answers, such as `/jobs/a/timeline`, as it is."""
        return await self._run(flows.one(Request(path=path), dict, self._policy))

    async def usage(self, job_id: str) -> Usage:
        """Return what the tasks of a job have used that have ended, and what that has cost."""
        return await self._run(flows.one(Request(path=job_path(job_id, "usage")), Usage, self._policy))

    async def task(self, job_id: str, task_id: str) -> Task:
        """Return one task of a job."""
        return await self._run(
            flows.one(Request(path=job_path(job_id, "tasks", task_id)), Task, self._policy)
        )

    async def task_files(self, job_id: str, task_id: str) -> TaskFiles:
        """Return which files a task has, on its node or kept in storage."""
        return await self._run(
            flows.one(Request(path=job_path(job_id, "tasks", task_id, "files")), TaskFiles, self._policy)
        )

    async def cancel(self, job_id: str) -> Accepted:
        """Cancel a job. Cancelling it again changes nothing."""
        return await self._run(flows.one(post(job_path(job_id, "cancel")), Accepted, self._policy))

    async def rerun(
        self,
        job_id: str,
        *,
        tasks: str = "failed",
        new_job_id: str = "",
        callback_uri: str | None = None,
        webhooks: Sequence[Mapping[str, Any]] | None = None,
        idempotency_key: str = "",
    ) -> Accepted:
        """Run the tasks that have not succeeded again, or `all`, as a new job.

        The same call makes the same job. For another rerun of the same job, give an id or a key.
        `callback_uri`: None for that of the first job, and "" for none. `webhooks` likewise, as in a message.
        """
        return await self._run(
            flows.one(
                calls.rerun(job_id, tasks, new_job_id, callback_uri, webhooks, idempotency_key),
                Accepted,
                self._policy,
            )
        )

    async def redrive(self, job_id: str) -> Accepted:
        """Have the callbacks and events of a job sent again that were given up."""
        return await self._run(flows.redrive(job_id, self._policy))

    async def purge(self, job_id: str) -> None:
        """Delete a job that has ended, and wait until all of it is gone."""
        await self._run(flows.purge(job_id, self._policy))

    async def upload(self, file: Path, container: str = "inputs", path: str = "") -> str:
        """Upload a file for tasks to read, and return `container/path`.

        The path is the file's name if it is empty.
        """
        return await self._run(flows.upload(file, container, path or file.name, self._policy))

    async def wait(self, job_id: str, *, timeout_s: float | None = None, progress: bool = False) -> Outcome:
        """Wait for the end of a job, through restarts of the app, and return how it ended.

        `progress` draws a bar, on a terminal or in a notebook. Raise TimeoutError if the job has not ended
        within `timeout_s`; it goes on.
        """
        if not progress:
            return await self._run(flows.wait(job_id, timeout_s, self._policy))
        with progress_bar() as show:
            return await self._run(flows.wait_and_show(job_id, timeout_s, show, self._policy))

    def jobs(
        self,
        *,
        state: str = "",
        workload: str = "",
        prefix: str = "",
        metadata: Mapping[str, str] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        page_size: int = 50,
    ) -> AsyncIterator[Job]:
        """Yield jobs, the newest first, page by page.

        `state` has one or more states, with commas between them; also `active` and `ended`.
        """
        return self._iterate(
            flows.pages(
                calls.jobs(state, workload, prefix, metadata or {}, since, until, page_size),
                JobPage,
                "jobs",
                self._policy,
            )
        )

    def tasks(
        self,
        job_id: str,
        *,
        state: str = "",
        exit_code: int | None = None,
        error: str = "",
        kind: str = "",
        node: str = "",
        page_size: int = 1000,
    ) -> AsyncIterator[Task]:
        """Yield tasks of a job, page by page.

        `state` is `active`, `preparing`, `running`, `completed`, `succeeded` or `failed`; `error` is the type
        of a task's error.
        """
        return self._iterate(
            flows.pages(
                calls.tasks(job_id, state, exit_code, error, kind, node, page_size),
                TaskPage,
                "tasks",
                self._policy,
            )
        )

    def events(self, job_id: str, *, after: int = 0, follow: bool = False) -> AsyncIterator[Event]:
        """Yield the events of a job above a sequence number, each once. `follow`: until the job has ended."""
        return self._iterate(flows.events(job_id, after, follow, self._policy))

    def watch(self, job_id: str, *, timeout_s: float | None = None) -> AsyncIterator[Job]:
        """Yield the job each time that it has changed, the last time when it has ended.

        Raise TimeoutError if it has not ended within `timeout_s`.
        """
        return self._iterate(flows.watch(job_id, timeout_s, self._policy))

    def log(
        self,
        job_id: str,
        task_id: str,
        path: str = "stdout.txt",
        *,
        tail: int | None = None,
        follow: bool = False,
    ) -> AsyncIterator[bytes]:
        """Yield what a file of a task has, or its last lines; with `follow`, also what is added to it.

        A task that has not started is waited for, if it is followed.
        """
        return self._iterate(file_flows.log(job_id, task_id, path, tail, follow, self._policy))

    def download_result(self, job_id: str, name: str, target: Path) -> AsyncIterator[file_flows.Progress]:
        """Download a result, and yield after each part how far that has come.

        Until it is whole, the file has `.part` at the end of its name. A part that is there is gone on with.
        """
        return self._iterate(file_flows.download_result(job_id, name, target, self._policy))

    def download_task_file(
        self, job_id: str, task_id: str, path: str, target: Path
    ) -> AsyncIterator[file_flows.Progress]:
        """Download a file of a task, as `download_result` does."""
        return self._iterate(file_flows.download_task_file(job_id, task_id, path, target, self._policy))

    def dead_letters(self, *, page_size: int = 50) -> AsyncIterator[DeadLetter]:
        """Yield what the app has given up or could not use, the newest first."""
        return self._iterate(
            flows.pages(
                Request(path="/dead-letters", query={"limit": page_size}),
                DeadLetterPage,
                "dead_letters",
                self._policy,
            )
        )

    async def _run(self, flow: Flow[T]) -> T:
        run = Run(flow)
        step = run.next_step()
        while step is not None:
            reply, error = await self._do(step)
            step = run.next_step(reply, error)
        return run.result

    async def _iterate(self, flow: Flow[Any]) -> AsyncIterator[Any]:
        run = Run(flow)
        step = run.next_step()
        while step is not None:
            if isinstance(step, Item):
                yield step.value
            reply, error = await self._do(step)
            step = run.next_step(reply, error)

    async def _do(self, step: Request | Pause | Item) -> tuple[Reply | None, NoAnswerError | None]:
        if isinstance(step, Pause):
            await asyncio.sleep(step.seconds)
        if not isinstance(step, Request):
            return None, None
        try:
            return await self._send(step), None
        except httpx.TransportError as error:
            return None, no_answer(self.address, step, error)

    def _connection(self, request: Request) -> httpx.AsyncClient:
        """Return what is connected to the app, or to storage: that is opened when it is needed."""
        if not request.is_for_storage:
            return self._http
        if self._storage is None:
            self._storage = httpx.AsyncClient()
        return self._storage

    async def _send(self, request: Request) -> Reply:
        http = self._connection(request)
        if isinstance(request.body, bytes):
            return reply_of(await http.send(self.address.prepared(request, request.body)))
        size = request.body.stat().st_size
        with request.body.open("rb") as file:
            return reply_of(await http.send(self.address.prepared(request, chunks(file), size)))
