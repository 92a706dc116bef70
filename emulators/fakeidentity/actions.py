"""Which action a request is, in the words of Azure's roles.

Several actions may allow one request: a message may be added with `messages/add` or `messages/write`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import unquote

from fakeidentity.roles import DELEGATION_KEY

ServiceKind = Literal["blob", "queue", "batch"]

_READS: Final = ("GET", "HEAD")


@dataclass(frozen=True, kw_only=True)
class Request:
    """What matters of an HTTP request. `path` is still percent-encoded. `body` is that of a new Batch job."""

    method: str
    path: str
    query: Mapping[str, str]
    authorization: str
    body: bytes = b""

    @property
    def is_new_job(self) -> bool:
        """Whether it creates a job, if it is a request to Azure Batch."""
        return self.method == "POST" and self.path.strip("/").lower() == "jobs"


@dataclass(frozen=True, kw_only=True)
class Operation:
    """What a request wants to do: one of `actions`, in a container if one is named, and `also` this."""

    actions: Collection[str]
    also: str = ""
    container: str = ""


def operation(kind: ServiceKind, request: Request) -> Operation:
    """Return what a request to this kind of service is about."""
    parts = [unquote(part) for part in request.path.split("/")[1:] if part]
    if kind == "batch":
        brings_pool = request.is_new_job and b'"autoPoolSpecification"' in request.body
        return Operation(actions=_batch(request, parts), also="batch:pools/write" if brings_pool else "")
    # The first part is the account, as storage emulators have it.
    _, container, *path = [*parts, "", ""][: max(len(parts), 2)]
    if kind == "queue":
        return Operation(actions=_queue(request, container, path))
    return Operation(actions=_blob(request, container, path), container=container)


def _blob(request: Request, container: str, path: list[str]) -> Collection[str]:
    command, restype = request.query.get("comp", ""), request.query.get("restype", "")
    if not container:
        return (DELEGATION_KEY,) if command == "userdelegationkey" else ("blob:containers/read",)
    if restype in {"container", "account"} or not path:
        return (_container(request.method, command, restype),)
    if request.method in _READS:
        return ("blob:blobs/read",)
    if request.method == "DELETE":
        return ("blob:blobs/delete",)
    return ("blob:blobs/write", "blob:blobs/add") if command == "appendblock" else ("blob:blobs/write",)


def _container(method: str, command: str, restype: str) -> str:
    if method in _READS:
        return "blob:blobs/read" if command == "list" and restype == "container" else "blob:containers/read"
    return "blob:containers/delete" if method == "DELETE" else "blob:containers/write"


def _queue(request: Request, queue: str, path: list[str]) -> Collection[str]:
    if not queue or not path:
        kind = {"GET": "read", "HEAD": "read", "DELETE": "delete"}.get(request.method, "write")
        return (f"queue:queues/{kind}",)
    if request.method == "POST":
        return "queue:messages/add", "queue:messages/write"
    if request.method == "GET":
        peeks = request.query.get("peekonly", "").lower() == "true"
        return ("queue:messages/read",) if peeks else ("queue:messages/process",)
    if request.method == "DELETE":
        return ("queue:messages/delete", "queue:messages/process") if path[1:] else ("queue:messages/delete",)
    return ("queue:messages/write",)


def _batch(request: Request, parts: list[str]) -> Collection[str]:
    collection = parts[0].lower() if parts else ""
    if collection not in {"jobs", "jobschedules", "pools", "applications"}:
        collection = "pools"  # supported images and node counts are read with the pools
    return (f"batch:{collection}/{'read' if request.method in _READS else 'write'}",)
