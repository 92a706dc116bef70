"""Azure Batch, through the pipeline of the azure-batch client: authentication, retries, tracing.

Requests and responses are plain JSON. The models of the client would cost ten times as much on the two hot
paths, adding tasks and listing tasks. All other calls are made the same way, because one way is simpler.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar, cast
from urllib.parse import quote

import msgspec
from azure.batch import BatchClient as SyncBatchClient
from azure.batch.aio import BatchClient
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import HttpResponseError
from azure.core.rest import AsyncHttpResponse, HttpRequest

from batchmgr.adapters.batch_responses import (
    JobResponse,
    TaskAddCollectionResponse,
    TaskConstraintsResponse,
    TaskCountsResponse,
    TaskListResponse,
    TaskResponse,
)
from batchmgr.adapters.service_errors import service_error, service_errors
from batchmgr.batch_bodies.job_body import job_body
from batchmgr.batch_bodies.task_collections import task_collections
from batchmgr.errors import (
    ServiceBusyError,
    ServiceConflictError,
    ServiceError,
    ServiceNotFoundError,
)
from batchmgr.model.batch_snapshots import BatchJob, TaskCounts, TaskSnapshot
from batchmgr.model.container_access import StorageAccess
from batchmgr.plan.job_plan import JobPlan, TaskPlan

__all__ = ["AzureBatch", "BatchClient", "open_client", "open_own_client"]

SERVICE = "Azure Batch"
API_VERSION = "2025-06-01"
CONTENT_TYPE = "application/json; odata=minimalmetadata"
CONCURRENT_COLLECTIONS = 16
FIELDS = "id,displayName,state,stateTransitionTime,executionInfo,nodeInfo"

T = TypeVar("T")


def open_client(endpoint: str, credential: AzureNamedKeyCredential | AsyncTokenCredential) -> BatchClient:
    """Return a client of the Batch account. It retries 3 times; after that, jobs wait in the queue."""
    return BatchClient(endpoint, credential, retry_total=3, retry_backoff_max=5)


def open_own_client(endpoint: str, account: str, key: str) -> SyncBatchClient:
    """Return a client for a workload's own use. It uses the key if there is one, else an identity."""
    if key:
        return SyncBatchClient(endpoint, AzureNamedKeyCredential(account, key))
    # Imported here, because it takes a third of a second, and is not needed with a key.
    from azure.identity import DefaultAzureCredential

    return SyncBatchClient(endpoint, DefaultAzureCredential())


class AzureBatch:
    """The BatchService port, on a Batch account."""

    def __init__(self, client: BatchClient) -> None:
        self._client = client

    async def require_pool(self, pool_id: str) -> None:
        """Raise ServiceNotFoundError if there is no such pool."""
        await self._call("GET", f"/pools/{quote(pool_id)}", query={"$select": "id"})

    async def create_job(self, plan: JobPlan, access: StorageAccess, digest: str) -> None:
        """Add the job. It stays open for tasks."""
        await self._call("POST", "/jobs", body=msgspec.json.encode(job_body(plan, access, digest)))

    async def add_tasks(self, plan: JobPlan, tasks: Sequence[TaskPlan], access: StorageAccess) -> None:
        """Add tasks, 100 a call and 16 calls at a time. The first error cancels the other calls."""
        gate = asyncio.Semaphore(CONCURRENT_COLLECTIONS)

        async def add(body: bytes) -> None:
            try:
                await self._add_collection(plan.job_id, body)
            finally:
                gate.release()

        try:
            async with asyncio.TaskGroup() as group:
                for body in task_collections(tasks, access, has_job_actions=plan.has_job_actions):
                    await gate.acquire()
                    group.create_task(add(body))
        except* ServiceError as group_error:
            raise _most_permanent(group_error) from group_error

    async def _add_collection(self, job_id: str, body: bytes) -> None:
        answer = await self._call("POST", f"/jobs/{quote(job_id)}/addtaskcollection", body=body)
        errors: list[ServiceError] = []
        for result in _decode(answer, TaskAddCollectionResponse).value:
            # `status` may be missing or in another case; `error` is reliable.
            if result.error is None or result.error.code == "TaskExists":
                continue
            status = 503 if result.status.lower() == "servererror" else 400
            text = f"task {result.task_id}: {result.error.text}"
            errors.append(service_error(SERVICE, status=status, code=result.error.code, message=text))
        if errors:
            raise _most_permanent(ExceptionGroup("tasks were not added", errors))

    async def delete_task(self, job_id: str, task_id: str) -> None:
        """Delete a task, if it exists."""
        try:
            await self._call("DELETE", f"/jobs/{quote(job_id)}/tasks/{quote(task_id)}")
        except ServiceNotFoundError:
            return

    async def terminate_when_done(self, job_id: str) -> None:
        """Let the job complete when all its tasks have. A job that has ended already is not changed."""
        try:
            await self._call("PATCH", f"/jobs/{quote(job_id)}", body=b'{"onAllTasksComplete":"terminatejob"}')
        except ServiceConflictError as error:
            if error.code not in {"JobCompleted", "JobBeingTerminated", "JobBeingDeleted"}:
                raise

    async def get_job(self, job_id: str) -> BatchJob:
        """Return the job as it is now. Raise ServiceNotFoundError if it does not exist."""
        return _decode(await self._call("GET", f"/jobs/{quote(job_id)}"), JobResponse).to_model()

    async def task_counts(self, job_id: str) -> TaskCounts:
        """Return the task counts, in one call."""
        return _decode(
            await self._call("GET", f"/jobs/{quote(job_id)}/taskcounts"), TaskCountsResponse
        ).task_counts

    async def list_tasks(
        self, job_id: str, *, since: datetime | None = None, state: str = ""
    ) -> AsyncIterator[TaskSnapshot]:
        """Yield the job's tasks, 1,000 a call, with only the fields that a snapshot needs."""
        conditions = []
        if since is not None:
            # Azure Batch counts tenths of microseconds, a datetime whole ones: begin one microsecond earlier.
            moment = f"{since - timedelta(microseconds=1):%Y-%m-%dT%H:%M:%S.%f}Z"
            conditions.append(f"stateTransitionTime ge DateTime'{moment}'")
        if state:
            conditions.append(f"state eq '{state}'")
        query = {"$select": FIELDS, "maxresults": "1000"}
        if conditions:
            query["$filter"] = " and ".join(conditions)
        page = _decode(await self._call("GET", f"/jobs/{quote(job_id)}/tasks", query=query), TaskListResponse)
        while True:
            for task in page.value:
                yield task.to_model()
            if not page.next_link:
                return
            page = _decode(await self._call("GET", page.next_link), TaskListResponse)

    async def get_task(self, job_id: str, task_id: str) -> TaskSnapshot:
        """Return one task. Raise ServiceNotFoundError if it does not exist."""
        path = f"/jobs/{quote(job_id)}/tasks/{quote(task_id)}"
        return _decode(await self._call("GET", path, query={"$select": FIELDS}), TaskResponse).to_model()

    async def time_limit(self, job_id: str, task_id: str) -> timedelta | None:
        """Return how long the task may run, or None."""
        path = f"/jobs/{quote(job_id)}/tasks/{quote(task_id)}"
        answer = await self._call("GET", path, query={"$select": "constraints"})
        return _decode(answer, TaskConstraintsResponse).constraints.time_limit

    async def read_file(
        self, job_id: str, task_id: str, path: str, max_bytes: int, *, from_start: int = 0
    ) -> bytes:
        """Return a task's file, or its two ends; nothing if the file or its node no longer exists."""
        url = f"/jobs/{quote(job_id)}/tasks/{quote(task_id)}/files/{quote(path, safe='')}"
        try:
            size = int((await self._call("HEAD", url)).headers.get("Content-Length", "0"))
            if size == 0:
                return b""
            if size <= max_bytes:
                return await self._read_range(url, 0, size)
            head = await self._read_range(url, 0, from_start) if from_start else b""
            return head + await self._read_range(url, size - max_bytes + from_start, size)
        except (ServiceNotFoundError, ServiceConflictError):
            return b""

    async def _read_range(self, url: str, start: int, end: int) -> bytes:
        """Return these bytes of a file, and read no more.

        As a stream: otherwise the pipeline decodes the file, if its name ends with `.json`, and raises any
        exception for what a task has written there.
        """
        span = {"ocp-range": f"bytes={start}-{end - 1}"}
        content = b""
        async with await self._call("GET", url, headers=span, stream=True) as response:
            with service_errors(SERVICE):
                async for part in response.iter_raw():
                    content += part
                    if len(content) >= end - start:
                        break
        return content[: end - start]

    async def terminate_job(self, job_id: str, reason: str) -> None:
        """End the job and its running tasks. Do nothing if the job has ended or does not exist."""
        try:
            body = msgspec.json.encode({"terminateReason": reason})
            await self._call("POST", f"/jobs/{quote(job_id)}/terminate", body=body)
        except (ServiceNotFoundError, ServiceConflictError):
            return

    async def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        stream: bool = False,
    ) -> AsyncHttpResponse:
        """Send one request through the client's pipeline. Raise ServiceError for a status of 400 or more."""
        if path.startswith("http"):
            request = HttpRequest(method, path)
        else:
            params = {"api-version": API_VERSION, **(query or {})}
            request = HttpRequest(method, "{endpoint}" + path, params=params, content=body)
        request.headers.update({"Accept": CONTENT_TYPE, **(headers or {})})
        if body is not None:
            request.headers["Content-Type"] = CONTENT_TYPE
        with service_errors(SERVICE):
            try:
                response = await self._client.send_request(request, stream=stream)
            except HttpResponseError as error:
                if error.response is None:
                    raise
                if stream:
                    await cast(AsyncHttpResponse, error.response).read()
                raise _batch_error(error) from error
        return response


def _most_permanent(errors: BaseExceptionGroup[ServiceError]) -> ServiceError:
    """Return one error for several: the first that waiting does not help, else the first."""
    permanent, _ = errors.split(lambda error: isinstance(error, ServiceError) and not error.retryable)
    first: Any = (permanent or errors).exceptions[0]
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first  # type: ignore[no-any-return]


def _decode(response: AsyncHttpResponse, type_: type[T]) -> T:
    try:
        return msgspec.json.decode(response.content, type=type_)
    except msgspec.DecodeError as error:
        raise ServiceBusyError(
            f"{SERVICE} sent a response that can't be decoded: {error}", code="Unreadable"
        ) from error


def _batch_error(error: HttpResponseError) -> ServiceError:
    """Return the error with the code and the message that the response holds."""
    response: Any = error.response
    code, text = "", str(error.message)
    try:
        body: Any = msgspec.json.decode(response.content)
        code = body["code"]
        text = body["message"]["value"]
        details = "; ".join(f"{item['key']}: {item['value']}" for item in body.get("values") or [])
        text = f"{text.splitlines()[0]} ({details})" if details else text
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError):
        pass
    retry_after = response.headers.get("Retry-After", "")
    return service_error(
        SERVICE, status=response.status_code, code=code, message=text, retry_after=retry_after
    )
