"""Azure Batch, through the azure-batch client's pipeline: authentication, retries, tracing.

Requests and answers are JSON, without the client's models: they cost ten times as much on the two paths that
are hot, adding tasks and listing them, and one way of calling is simpler than two.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec
from azure.batch import BatchClient as SyncBatchClient
from azure.batch.aio import BatchClient
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import HttpResponseError
from azure.core.rest import AsyncHttpResponse, HttpRequest

from batchmgr.adapters.batch_responses import AddResults, Counts, Job, Task, TaskList
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
    """A client of the account at `endpoint`. Retries are few: for a busy service jobs wait in the queue."""
    return BatchClient(endpoint, credential, retry_total=3, retry_backoff_max=5)


def open_own_client(endpoint: str, account: str, key: str) -> SyncBatchClient:
    """A client for a workload's own use, by key if there is one, else by the machine's identity."""
    if key:
        return SyncBatchClient(endpoint, AzureNamedKeyCredential(account, key))
    # Imported here: it costs a third of a second, and keys do without it.
    from azure.identity import DefaultAzureCredential

    return SyncBatchClient(endpoint, DefaultAzureCredential())


class AzureBatch:
    """The BatchService port on a Batch account."""

    def __init__(self, client: BatchClient) -> None:
        self._client = client

    async def require_pool(self, pool_id: str) -> None:
        """Make sure that the pool is there."""
        await self._call("GET", f"/pools/{quote(pool_id)}", query={"$select": "id"})

    async def create_job(self, plan: JobPlan, access: StorageAccess, digest: str) -> None:
        """Add the job, open for tasks."""
        await self._call("POST", "/jobs", body=msgspec.json.encode(job_body(plan, access, digest)))

    async def add_tasks(self, plan: JobPlan, tasks: Sequence[TaskPlan], access: StorageAccess) -> None:
        """Add tasks in collections of 100, at most 16 at once; the first error ends the rest."""
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
        except* ServiceError as errors:
            raise _gravest(errors) from errors

    async def _add_collection(self, job_id: str, body: bytes) -> None:
        answer = await self._call("POST", f"/jobs/{quote(job_id)}/addtaskcollection", body=body)
        refused: list[ServiceError] = []
        for result in _decoded(answer, AddResults).value:
            # The status is not to be trusted in its case, nor to be there; the error is.
            if result.error is None or result.error.code == "TaskExists":
                continue
            status = 503 if result.status.lower() == "servererror" else 400
            text = f"task {result.task_id}: {result.error.text}"
            refused.append(service_error(SERVICE, status=status, code=result.error.code, message=text))
        if refused:
            raise _gravest(ExceptionGroup("tasks were not added", refused))

    async def delete_task(self, job_id: str, task_id: str) -> None:
        """Take a task out of the job, if it is there."""
        try:
            await self._call("DELETE", f"/jobs/{quote(job_id)}/tasks/{quote(task_id)}")
        except ServiceNotFoundError:
            return

    async def terminate_when_done(self, job_id: str) -> None:
        """Let the job complete with its tasks. A job that has ended already stays as it is."""
        try:
            await self._call("PATCH", f"/jobs/{quote(job_id)}", body=b'{"onAllTasksComplete":"terminatejob"}')
        except ServiceConflictError as error:
            if error.code not in {"JobCompleted", "JobBeingTerminated", "JobBeingDeleted"}:
                raise

    async def get_job(self, job_id: str) -> BatchJob:
        """The job as it is now."""
        return _decoded(await self._call("GET", f"/jobs/{quote(job_id)}"), Job).to_model()

    async def task_counts(self, job_id: str) -> TaskCounts:
        """The tasks' counts, in one call."""
        return _decoded(await self._call("GET", f"/jobs/{quote(job_id)}/taskcounts"), Counts).task_counts

    async def list_tasks(
        self, job_id: str, *, since: datetime | None = None, state: str = ""
    ) -> AsyncIterator[TaskSnapshot]:
        """The job's tasks, a thousand a call, with no more fields than a snapshot needs."""
        conditions = []
        if since is not None:
            # The service counts tenths of microseconds, a datetime none: begin at the one before.
            moment = f"{since - timedelta(microseconds=1):%Y-%m-%dT%H:%M:%S.%f}Z"
            conditions.append(f"stateTransitionTime ge DateTime'{moment}'")
        if state:
            conditions.append(f"state eq '{state}'")
        query = {"$select": FIELDS, "maxresults": "1000"}
        if conditions:
            query["$filter"] = " and ".join(conditions)
        page = _decoded(await self._call("GET", f"/jobs/{quote(job_id)}/tasks", query=query), TaskList)
        while True:
            for task in page.value:
                yield task.to_model()
            if not page.next_link:
                return
            page = _decoded(await self._call("GET", page.next_link), TaskList)

    async def get_task(self, job_id: str, task_id: str) -> TaskSnapshot:
        """One task."""
        path = f"/jobs/{quote(job_id)}/tasks/{quote(task_id)}"
        return _decoded(await self._call("GET", path, query={"$select": FIELDS}), Task).to_model()

    async def read_file(self, job_id: str, task_id: str, path: str, max_bytes: int) -> bytes:
        """The end of a task's file; empty if the file, or its node, is gone."""
        url = f"/jobs/{quote(job_id)}/tasks/{quote(task_id)}/files/{quote(path, safe='')}"
        try:
            size = int((await self._call("HEAD", url)).headers.get("Content-Length", "0"))
            if size == 0:
                return b""
            span = {"ocp-range": f"bytes={max(0, size - max_bytes)}-{size - 1}"}
            return (await self._call("GET", url, headers=span)).content[-max_bytes:]
        except (ServiceNotFoundError, ServiceConflictError):
            return b""

    async def terminate_job(self, job_id: str, reason: str) -> None:
        """End the job and what it runs, if it is there and has not ended."""
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
    ) -> AsyncHttpResponse:
        """One request, through the client's pipeline; an answer of 400 or more is raised."""
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
                response = await self._client.send_request(request)
            except HttpResponseError as error:
                if error.response is None:
                    raise
                raise _refused(error) from error
        return response


def _gravest(errors: BaseExceptionGroup[ServiceError]) -> ServiceError:
    """One error for several: one that will not pass by waiting, if there is any."""
    lasting, _ = errors.split(lambda error: isinstance(error, ServiceError) and not error.retryable)
    first: Any = (lasting or errors).exceptions[0]
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first  # type: ignore[no-any-return]


def _decoded(response: AsyncHttpResponse, type_: type[T]) -> T:
    try:
        return msgspec.json.decode(response.content, type=type_)
    except msgspec.DecodeError as error:
        raise ServiceBusyError(
            f"{SERVICE} answered what can't be read: {error}", code="Unreadable"
        ) from error


def _refused(error: HttpResponseError) -> ServiceError:
    """The service's own code and words, from the body of its answer."""
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
