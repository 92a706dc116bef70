"""Clients of batchmgr that use only its public interfaces: HTTP, queues, blobs and Azure Batch."""

import base64
import json
import ssl
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import aiohttp
from azure.batch.aio import BatchClient
from azure.core.credentials import AccessToken, AzureNamedKeyCredential
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob.aio import BlobServiceClient
from azure.storage.queue.aio import QueueServiceClient
from yarl import URL

from batchmgr.devstack.endpoints import Endpoints
from batchmgr.devstack.identity_process import IdentityEndpoints
from tests.integration.messages import Json
from tests.integration.wait_until import until

REQUESTS = "batchmgr-job-requests"
POISON = "batchmgr-job-requests-poison"
PROGRESS = "batchmgr-progress"
FINAL_STATES = {"succeeded", "failed", "partial", "cancelled", "timed_out", "rejected"}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An HTTP response."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def body(self) -> Any:
        """Return the JSON of the body."""
        return json.loads(self.text)


@dataclass(frozen=True, kw_only=True)
class Api:
    """The HTTP API of a batchmgr, wherever it runs."""

    address: str
    http: aiohttp.ClientSession

    async def get(self, path: str, **query: str | int) -> Answer:
        """GET below `/api`."""
        url = URL(f"{self.address}/api{path}", encoded=True).update_query(query)
        return await self._call("GET", url)

    async def post(self, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Answer:
        """POST below `/api`: bytes as they are, anything else as JSON."""
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        url = URL(f"{self.address}/api{path}", encoded=True)
        return await self._call("POST", url, data=BytesIO(data), headers=headers)

    async def delete(self, path: str) -> Answer:
        """DELETE below `/api`."""
        return await self._call("DELETE", URL(f"{self.address}/api{path}", encoded=True))

    async def _call(self, method: str, url: URL, **options: Any) -> Answer:
        async with self.http.request(method, url, **options) as answer:
            return Answer(status=answer.status, headers=answer.headers.copy(), text=await answer.text())

    async def submit(self, message: Json) -> str:
        """Send a job over HTTP. Return its id."""
        answer = await self.post("/jobs", message)
        assert answer.status == 202, answer.text
        return str(answer.body["jobId"])

    async def job(self, job_id: str) -> Json:
        """Return the job as it is now."""
        answer = await self.get(f"/jobs/{job_id}")
        assert answer.status == 200, answer.text
        return dict(answer.body)

    async def events(self, job_id: str) -> list[Json]:
        """Return all events of a job so far; none if there is no such job yet."""
        answer = await self.get(f"/jobs/{job_id}/events")
        return list(answer.body["events"]) if answer.status == 200 else []

    async def types(self, job_id: str) -> list[str]:
        """Return the types of all events of a job so far, without `batchmgr.`."""
        return [event["type"].removeprefix("batchmgr.") for event in await self.events(job_id)]

    async def wait_for_event(self, job_id: str, *types: str) -> None:
        """Wait until an event of one of these types is published."""

        async def seen() -> bool:
            return not set(types).isdisjoint(await self.types(job_id))

        await until(seen)

    async def outcome(self, job_id: str) -> Json:
        """Wait for the end of a job and its last event. Return its result."""

        async def ended() -> Json | None:
            answer = await self.get(f"/jobs/{job_id}/result")
            return dict(answer.body) if answer.status == 200 else None

        outcome = await until(ended)
        assert outcome["state"] in FINAL_STATES
        await self.wait_for_event(job_id, f"job.{outcome['state']}")
        return outcome

    async def wait_until_delivered(self, job_id: str) -> Json:
        """Wait for the end of a job and the delivery of its callback, if it has one. Return the job."""
        await self.outcome(job_id)

        async def delivered() -> Json | None:
            found = await self.job(job_id)
            return (
                found if found.get("callback", {"state": "delivered"}).get("state") == "delivered" else None
            )

        return await until(delivered)


@dataclass(frozen=True, kw_only=True)
class Client(Api):
    """All public interfaces of a running stack."""

    blobs: BlobServiceClient
    queues: QueueServiceClient
    batch: BatchClient

    async def send(self, body: Json | bytes) -> str:
        """Put a message on the queue, in base64. Return its message id."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self.send_text(base64.b64encode(content).decode())

    async def send_text(self, text: str, queue: str = REQUESTS) -> str:
        """Put a message on a queue as it is. Return its message id."""
        return (await self.queues.get_queue_client(queue).send_message(text)).id

    async def wait_until_queue_empty(self) -> None:
        """Wait until the job request queue is empty."""

        async def empty() -> bool:
            return await self.count(REQUESTS) == 0

        await until(empty)

    async def count(self, queue: str) -> int:
        """Return how many messages a queue holds, invisible ones included."""
        properties = await self.queues.get_queue_client(queue).get_queue_properties()
        return int(properties.approximate_message_count or 0)

    async def take(self, queue: str) -> list[bytes]:
        """Remove all visible messages from a queue. Return their bodies, decoded where they are base64."""
        client = self.queues.get_queue_client(queue)
        found = []
        async for message in client.receive_messages(messages_per_page=32):
            found.append(_decoded(message.content))
            await client.delete_message(message)
        return found

    async def take_events(self) -> list[dict[str, Any]]:
        """Remove all visible messages from the progress queue. Return the events in them."""
        return [event for body in await self.take(PROGRESS) for event in json.loads(body)]

    async def upload(self, name: str, content: bytes, container: str = "inputs") -> str:
        """Upload a blob. Return `container/name`."""
        client = self.blobs.get_container_client(container)
        if not await client.exists():
            await client.create_container()
        await client.upload_blob(name, content, overwrite=True)
        return f"{container}/{name}"

    async def read(self, job_id: str, name: str) -> bytes:
        """Return the content of a blob in the job's own container."""
        blob = self.blobs.get_blob_client(f"job-{job_id}", name)
        return await (await blob.download_blob()).readall()

    async def batch_state(self, job_id: str) -> str:
        """Return the state of the Azure Batch job, or `gone` if there is none."""
        try:
            state = (await self.batch.get_job(job_id)).state
        except ResourceNotFoundError:
            return "gone"
        return str(getattr(state, "value", state))

    async def batch_job_ids(self, job_ids: Collection[str]) -> list[str]:
        """Return those of these ids that exist as jobs in Azure Batch."""
        return [job.id for job in [job async for job in self.batch.list_jobs()] if job.id in job_ids]


def _decoded(content: str) -> bytes:
    try:
        return base64.b64decode(content, validate=True)
    except ValueError:
        return content.encode()


@asynccontextmanager
async def connected(endpoints: Endpoints) -> AsyncIterator[Client]:
    """Open a client of a running stack."""
    if endpoints.identity is not None:
        async with connected_with_identity(endpoints, endpoints.identity) as client:
            yield client
        return
    key = AzureNamedKeyCredential(endpoints.batch_account, endpoints.batch_key)
    async with (
        aiohttp.ClientSession() as http,
        BlobServiceClient.from_connection_string(endpoints.connection_string) as blobs,
        QueueServiceClient.from_connection_string(endpoints.connection_string) as queues,
        BatchClient(endpoints.batch, key) as batch,
    ):
        yield Client(address=endpoints.functions, http=http, blobs=blobs, queues=queues, batch=batch)


@asynccontextmanager
async def connected_with_identity(endpoints: Endpoints, identity: IdentityEndpoints) -> AsyncIterator[Client]:
    """Open a client of a running stack that has no keys. Its requests have the developer's tokens."""
    trust = ssl.create_default_context(cafile=identity.trusted)
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as http,
        DeveloperCredential(identity, http) as developer,
        BlobServiceClient(endpoints.blob, developer, connection_verify=identity.trusted) as blobs,
        QueueServiceClient(endpoints.queue, developer, connection_verify=identity.trusted) as queues,
        BatchClient(endpoints.batch, developer, connection_verify=identity.trusted) as batch,
    ):
        yield Client(address=endpoints.functions, http=http, blobs=blobs, queues=queues, batch=batch)


class DeveloperCredential(AsyncTokenCredential):
    """Gets tokens of the developer, of the stack's own making."""

    def __init__(self, identity: IdentityEndpoints, http: aiohttp.ClientSession) -> None:
        self._identity = identity
        self._http = http

    async def get_token(
        self,
        *scopes: str,
        claims: str | None = None,
        tenant_id: str | None = None,
        enable_cae: bool = False,
        **options: Any,
    ) -> AccessToken:
        """Return a token for the resource of the scope."""
        query = {
            "api-version": "2019-08-01",
            "resource": scopes[0].removesuffix("/.default"),
            "client_id": self._identity.developer_client_id,
        }
        headers = {"X-IDENTITY-HEADER": self._identity.identity_header}
        async with self._http.get(self._identity.identity_endpoint, params=query, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            facts = await answer.json()
        return AccessToken(facts["access_token"], int(facts["expires_on"]))

    async def close(self) -> None: ...

    async def __aexit__(self, *exception: object) -> None: ...
