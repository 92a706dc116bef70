"""Azure Batch, through a pipeline of azure-core: authentication, retries, tracing.

Requests and responses are plain JSON. The models of azure-batch would cost ten times as much on the two hot
paths, adding tasks and listing tasks. All other calls are made the same way, because one way is simpler.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import takewhile
from typing import TypeVar
from urllib.parse import quote

import msgspec
from azure.core.rest import AsyncHttpResponse

from batchmgr.adapters.batch_answers import (
    NO_FILE,
    NO_JOB,
    NO_POOL,
    NO_PREPARATION,
    NO_TASK,
    SERVICE,
    decode,
)
from batchmgr.adapters.batch_calls import BatchCalls
from batchmgr.adapters.batch_pool_responses import (
    NODE_FIELDS,
    POOL_FIELDS,
    NodeListResponse,
    PoolResponse,
    PreparationStatusResponse,
)
from batchmgr.adapters.batch_responses import (
    JobResponse,
    TaskAddCollectionResponse,
    TaskConstraintsResponse,
    TaskCountsResponse,
    TaskListResponse,
    TaskResponse,
)
from batchmgr.adapters.service_errors import service_error
from batchmgr.adapters.task_pages import FIELDS, MAX_RESULTS, page_error, skip_token, task_query
from batchmgr.batch_bodies.job_body import job_body
from batchmgr.batch_bodies.kept_streams import KeptStreams
from batchmgr.batch_bodies.task_collections import TaskCollection, task_collections
from batchmgr.errors import (
    ServiceConflictError,
    ServiceError,
    ServiceNotFoundError,
    ServiceRefusedError,
)
from batchmgr.model.batch_snapshots import BatchJob, NodeSnapshot, PoolSnapshot, TaskCounts, TaskSnapshot
from batchmgr.model.container_access import StorageAccess
from batchmgr.model.error_groups import most_permanent
from batchmgr.model.task_query import ALL_TASKS, TaskQuery
from batchmgr.plan.job_plan import JobPlan, TaskPlan
from batchmgr.ports import Added, ignored

CONCURRENT_COLLECTIONS = 16

P = TypeVar("P", TaskListResponse, NodeListResponse, PreparationStatusResponse)


class AzureBatch(BatchCalls):
    """The BatchService port, on a Batch account."""

    async def require_pool(self, pool_id: str) -> None:
        """Raise ServiceNotFoundError if there is no such pool."""
        await self._call("GET", f"/pools/{quote(pool_id)}", query={"$select": "id"}, missing=NO_POOL)

    async def get_pool(self, pool_id: str) -> PoolSnapshot:
        """Return the pool as it is now. Raise ServiceNotFoundError if it does not exist."""
        query = {"$select": POOL_FIELDS}
        answer = await self._call("GET", f"/pools/{quote(pool_id)}", query=query, missing=NO_POOL)
        return decode(answer, PoolResponse).to_model()

    async def list_nodes(self, pool_id: str) -> AsyncIterator[NodeSnapshot]:
        """Yield the nodes of a pool, 1,000 a call; none if the pool does not exist."""
        query = {"$select": NODE_FIELDS, "maxresults": "1000"}
        try:
            answer = await self._call("GET", f"/pools/{quote(pool_id)}/nodes", query=query, missing=NO_POOL)
        except ServiceNotFoundError:
            return
        async for page in self._pages(answer, NodeListResponse):
            for node in page.value:
                yield node.to_model()

    async def failed_preparations(self, job_id: str) -> dict[str, str]:
        """Return why the preparation task failed, by node. A job without such a task has none."""
        path = f"/jobs/{quote(job_id)}/jobpreparationandreleasetaskstatus"
        query = {"$select": "nodeId,jobPreparationTaskExecutionInfo", "maxresults": "1000"}
        try:
            answer = await self._call("GET", path, query=query, missing=NO_JOB | NO_PREPARATION)
        except ServiceError as error:
            if error.code not in NO_PREPARATION:
                raise
            return {}
        failed = {}
        async for page in self._pages(answer, PreparationStatusResponse):
            for status in page.value:
                run = status.job_preparation_task_execution_info
                if run.has_failed:
                    failed[status.node_id] = run.why
        return failed

    async def create_job(self, plan: JobPlan, access: StorageAccess, digest: str) -> None:
        """Add the job. It stays open for tasks."""
        await self._call("POST", "/jobs", body=msgspec.json.encode(job_body(plan, access, digest)))

    async def add_tasks(
        self, plan: JobPlan, tasks: Iterable[TaskPlan], access: StorageAccess, added: Added = ignored
    ) -> None:
        """Add tasks, 100 a call and 16 calls at a time. The first error cancels the other calls.

        As many calls are made ahead, while those before are on their way: answers come in bursts, and the
        next calls are then sent at once.
        """
        made = asyncio.Queue[TaskCollection | None](CONCURRENT_COLLECTIONS)
        sent: dict[int, bool] = {}  # those on the way, in order, and whether their tasks are there

        async def send() -> None:
            while (collection := await made.get()) is not None:
                sent[collection.end] = False
                await self._add_collection(plan.job_id, collection.body)
                sent[collection.end] = True
                for end in list(takewhile(sent.get, sent)):
                    added(end)
                    del sent[end]

        try:
            async with asyncio.TaskGroup() as group:
                senders = 0
                acts, kept = plan.has_job_actions, KeptStreams.of(plan, access)
                for collection in task_collections(tasks, access, has_job_actions=acts, kept=kept):
                    await made.put(collection)
                    if senders < CONCURRENT_COLLECTIONS:
                        group.create_task(send())
                        senders += 1
                    await asyncio.sleep(0)  # it is sent now, before the next one is made
                for _ in range(senders):
                    await made.put(None)
        except ExceptionGroup as errors:
            raise most_permanent(errors) from errors

    async def _add_collection(self, job_id: str, body: bytes) -> None:
        path = f"/jobs/{quote(job_id)}/addtaskcollection"
        answer = await self._call("POST", path, body=body, missing=NO_JOB)
        errors: list[ServiceError] = []
        for result in decode(answer, TaskAddCollectionResponse).value:
            # `status` may be missing or in another case; `error` is reliable.
            if result.error is None or result.error.code == "TaskExists":
                continue
            status = 503 if result.status.lower() == "servererror" else 400
            text = f"task {result.task_id}: {result.error.text}"
            errors.append(service_error(SERVICE, status=status, code=result.error.code, message=text))
        if errors:
            raise most_permanent(ExceptionGroup("tasks were not added", errors))

    async def delete_task(self, job_id: str, task_id: str) -> None:
        """Delete a task, if it exists."""
        try:
            await self._call("DELETE", f"/jobs/{quote(job_id)}/tasks/{quote(task_id)}", missing=NO_TASK)
        except ServiceNotFoundError as error:
            if error.code in NO_JOB:
                raise

    async def terminate_when_done(self, job_id: str) -> None:
        """Let the job complete when all its tasks have. A job that has ended already is not changed."""
        try:
            body = b'{"onAllTasksComplete":"terminatejob"}'
            await self._call("PATCH", f"/jobs/{quote(job_id)}", body=body, missing=NO_JOB)
        except ServiceConflictError as error:
            if error.code not in {"JobCompleted", "JobBeingTerminated", "JobBeingDeleted"}:
                raise

    async def get_job(self, job_id: str) -> BatchJob:
        """Return the job as it is now. Raise ServiceNotFoundError if it does not exist."""
        answer = await self._call("GET", f"/jobs/{quote(job_id)}", missing=NO_JOB)
        return decode(answer, JobResponse).to_model()

    async def task_counts(self, job_id: str) -> TaskCounts:
        """Return the task counts, in one call."""
        answer = await self._call("GET", f"/jobs/{quote(job_id)}/taskcounts", missing=NO_JOB)
        return decode(answer, TaskCountsResponse).task_counts

    async def list_tasks(
        self,
        job_id: str,
        *,
        since: datetime | None = None,
        state: str = "",
        without: str = "",
        failed: bool = False,
    ) -> AsyncIterator[TaskSnapshot]:
        """Yield the job's tasks, 1,000 a call, with only the fields that a snapshot needs."""
        query = task_query(since=since, state=state, without=without, failed=failed)
        answer = await self._call("GET", f"/jobs/{quote(job_id)}/tasks", query=query, missing=NO_JOB)
        async for page in self._pages(answer, TaskListResponse):
            for task in page.value:
                yield task.to_model()

    async def task_page(
        self, job_id: str, *, query: TaskQuery = ALL_TASKS, limit: int = MAX_RESULTS, token: str = ""
    ) -> tuple[Sequence[TaskSnapshot], str]:
        """Return a page of the job's tasks, in one call, and the token of the next page, if there is one."""
        asked = task_query(query, limit=limit, token=token)
        try:
            answer = await self._call("GET", f"/jobs/{quote(job_id)}/tasks", query=asked, missing=NO_JOB)
        except ServiceRefusedError as error:
            raise page_error(error, token) from error
        page = decode(answer, TaskListResponse)
        return [task.to_model() for task in page.value], skip_token(page.next_link)

    async def get_task(self, job_id: str, task_id: str) -> TaskSnapshot:
        """Return one task. Raise ServiceNotFoundError if it does not exist."""
        path = f"/jobs/{quote(job_id)}/tasks/{quote(task_id)}"
        answer = await self._call("GET", path, query={"$select": FIELDS}, missing=NO_TASK)
        return decode(answer, TaskResponse).to_model()

    async def time_limit(self, job_id: str, task_id: str) -> timedelta | None:
        """Return how long the task may run, or None."""
        path = f"/jobs/{quote(job_id)}/tasks/{quote(task_id)}"
        answer = await self._call("GET", path, query={"$select": "constraints"}, missing=NO_TASK)
        return decode(answer, TaskConstraintsResponse).constraints.time_limit

    async def read_file(
        self, job_id: str, task_id: str, path: str, max_bytes: int, *, from_start: int = 0
    ) -> bytes:
        """Return a task's file, or its two ends; nothing if the file or its node no longer exists."""
        url = f"/jobs/{quote(job_id)}/tasks/{quote(task_id)}/files/{quote(path, safe='')}"
        try:
            answer = await self._call("HEAD", url, missing=NO_FILE)
            size = int(answer.headers.get("Content-Length", "0"))
            if size == 0:
                return b""
            if size <= max_bytes:
                return await self._read_range(url, 0, size)
            head = await self._read_range(url, 0, from_start) if from_start else b""
            return head + await self._read_range(url, size - max_bytes + from_start, size)
        except (ServiceNotFoundError, ServiceConflictError):
            return b""

    async def terminate_job(self, job_id: str, reason: str) -> None:
        """End the job and its running tasks. Do nothing if the job has ended or does not exist."""
        body = msgspec.json.encode({"terminateReason": reason})
        with suppress(ServiceNotFoundError, ServiceConflictError):
            await self._call("POST", f"/jobs/{quote(job_id)}/terminate", body=body, missing=NO_JOB)

    async def delete_job(self, job_id: str) -> None:
        """Delete the job and its tasks. Do nothing if that has been asked for, or if there is no such job."""
        with suppress(ServiceNotFoundError, ServiceConflictError):  # it is being deleted
            await self._call("DELETE", f"/jobs/{quote(job_id)}", missing=NO_JOB)

    async def _pages(self, answer: AsyncHttpResponse, type_: type[P]) -> AsyncIterator[P]:
        """Yield the page in this answer, and those that follow it. The next one is asked for meanwhile."""
        page = decode(answer, type_)
        while page.next_link:
            following = asyncio.create_task(self._call("GET", page.next_link, missing=NO_JOB))
            try:
                await asyncio.sleep(0)  # it is sent now: whoever reads a page may not wait for anything
                yield page
                page = decode(await following, type_)
            finally:
                following.cancel()  # whoever stops reading does not want it
                await asyncio.gather(following, return_exceptions=True)
        yield page
