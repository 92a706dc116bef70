"""Calls drawn from the official specification, and a service that has what they are about."""

import asyncio
import base64
import gzip
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from functools import cache
from pathlib import Path
from queue import Queue
from typing import Any, Final, TypeAlias

import requests
import schemathesis
from schemathesis import Case, Response
from schemathesis.core.result import Err, Ok
from schemathesis.schemas import APIOperation, BaseSchema

from fakebatch.quotas import Quotas
from fakebatch.server import Options, serving
from fakebatch.wire.shared_key import ACCOUNT_KEY, ACCOUNT_NAME, string_to_sign

Operation: TypeAlias = APIOperation[Any, Any, Any, Any]
Drawn: TypeAlias = Case[Operation]

VERSION: Final = "2024-02-01.19.0"
_FILE: Final = Path(__file__).parent / "openapi" / f"BatchService-{VERSION}.json.gz"
_JSON: Final = {"Content-Type": "application/json; odata=minimalmetadata"}
_POOL_ID: Final = "hpc"
_POOL: Final[dict[str, Any]] = {"vmSize": "standard_d2s_v3", "targetDedicatedNodes": 1}

# What the service asks for beyond what the specification says; without it few bodies would get any further.
_ID: Final = {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"}
_FORMULA: Final = {"type": "string", "enum": ["$TargetDedicatedNodes = 1;", "$TargetDedicatedNodes ="]}
_NODES: Final = {"type": "integer", "enum": [0, 1, 2]}
_DURATION: Final = {"type": "string", "enum": ["PT5M", "PT1H30M", "P1D"]}
_ADDRESS: Final = {"type": "string", "enum": ["http://127.0.0.1:9/files", "/files", "http://"]}
_NARROWED: Final[dict[str, dict[str, Any]]] = {
    "PoolAddParameter": {"id": _ID, "targetDedicatedNodes": _NODES, "targetLowPriorityNodes": _NODES},
    "PoolSpecification": {"targetDedicatedNodes": _NODES, "targetLowPriorityNodes": _NODES},
    "PoolResizeParameter": {"targetDedicatedNodes": _NODES, "targetLowPriorityNodes": _NODES},
    "PoolEnableAutoScaleParameter": {"autoScaleFormula": _FORMULA},
    "PoolEvaluateAutoScaleParameter": {"autoScaleFormula": _FORMULA},
    "JobAddParameter": {"id": _ID, "priority": {"type": "integer", "enum": [-1000, 0, 1000]}},
    "JobScheduleAddParameter": {"id": _ID},
    "TaskAddParameter": {"id": _ID},
    "JobManagerTask": {"id": _ID},
    "OutputFileBlobContainerDestination": {"containerUrl": _ADDRESS},
    "UploadBatchServiceLogsConfiguration": {"containerUrl": _ADDRESS},
}

# Objects with exactly one of some properties, which the specification only says in words.
_ALTERNATIVES: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "PoolInformation": (("poolId",), ("autoPoolSpecification",)),
    "ResourceFile": (("httpUrl", "filePath"), ("storageContainerUrl",), ("autoStorageContainerName",)),
}

# Where the specification differs from what the service was recorded to send: the case of some names, lengths
# that are texts, and durations, which its format, other than .NET, has without a fraction.
_CATEGORY: Final = {"category": {"type": "string", "enum": ["UserError", "ServerError"]}}
_AS_RECORDED: Final[dict[str, dict[str, Any]]] = {
    "FileProperties": {"contentLength": {"type": "string", "pattern": "^[0-9]+$"}},
    "TaskSchedulingPolicy": {"nodeFillType": {"type": "string", "enum": ["Spread", "Pack"]}},
    "TaskAddResult": {"status": {"type": "string", "enum": ["Success", "ClientError", "ServerError"]}},
    "OutputFileUploadOptions": {
        "uploadCondition": {"type": "string", "enum": ["TaskSuccess", "TaskFailure", "TaskCompletion"]}
    },
    "TaskFailureInformation": _CATEGORY,
    "JobSchedulingError": _CATEGORY,
}
_SECRETS: Final = {
    "CIFSMountConfiguration": "password",
    "UserAccount": "password",
    "AzureFileShareConfiguration": "accountKey",
}
_NET_DURATION: Final = {"type": "string", "pattern": r"^P(\d+D)?(T(\d+H)?(\d+M)?(\d+(\.\d{1,7})?S)?)?$"}


@cache
def requests_schema() -> BaseSchema:
    """Return the specification as far as it tells what to send: no more than the service accepts."""
    document = _specification()
    _change(document, _NARROWED)
    for name, alternatives in _ALTERNATIVES.items():
        given = document["definitions"][name]["properties"] | {
            "poolId": {"type": "string", "enum": [_POOL_ID]}
        }
        document["definitions"][name] = {"oneOf": [_object(given, required) for required in alternatives]}
    for definition in document["definitions"].values():
        # A property that does not exist is refused.
        if "properties" in definition:
            definition.setdefault("additionalProperties", False)
    return _schema(_with_durations(document, _DURATION))


def _object(properties: dict[str, Any], required: tuple[str, ...]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: properties[name] for name in required},
        "required": list(required),
        "additionalProperties": False,
    }


@cache
def answers_schema() -> BaseSchema:
    """Return the specification as far as it tells what is answered, corrected by what was recorded."""
    document = _specification()
    _change(document, _AS_RECORDED)
    # Secrets are never shown again.
    for name, secret in _SECRETS.items():
        document["definitions"][name]["required"].remove(secret)
    return _schema(_with_durations(document, _NET_DURATION))


def operations(schema: BaseSchema) -> list[Operation]:
    """Return the operations of a specification. All of them can be read."""
    found = list(schema.get_all_operations())
    assert not [one.err() for one in found if isinstance(one, Err)]
    return [one.ok() for one in found if isinstance(one, Ok)]


def _specification() -> Any:
    document = json.loads(gzip.decompress(_FILE.read_bytes()))
    for path in document["paths"].values():
        for operation in path.values():
            # The examples are in files of their own, which are not here.
            operation.pop("x-ms-examples", None)
    return document


def _schema(document: dict[str, Any]) -> BaseSchema:
    schema: BaseSchema = schemathesis.openapi.from_dict(document)
    return schema


def _change(document: Any, changes: dict[str, dict[str, Any]]) -> None:
    for name, properties in changes.items():
        assert properties.keys() <= document["definitions"][name]["properties"].keys(), name
        document["definitions"][name]["properties"].update(properties)


def _with_durations(part: Any, duration: dict[str, Any]) -> Any:
    if isinstance(part, list):
        return [_with_durations(item, duration) for item in part]
    if not isinstance(part, dict):
        return part
    if part.get("format") == "duration":
        return duration
    return {key: _with_durations(item, duration) for key, item in part.items()}


class _Signature(requests.auth.AuthBase):
    """Signs requests with the key of the account, at the present time whatever was drawn."""

    def __call__(self, prepared: requests.PreparedRequest) -> requests.PreparedRequest:
        prepared.headers["ocp-date"] = formatdate(usegmt=True)
        path, _, query = prepared.path_url.partition("?")
        headers = {name: str(sent) for name, sent in prepared.headers.items()}
        text = string_to_sign(prepared.method or "", path, query, headers)
        digest = hmac.digest(base64.b64decode(ACCOUNT_KEY), text.encode(), "sha256")
        prepared.headers["Authorization"] = f"SharedKey {ACCOUNT_NAME}:{base64.b64encode(digest).decode()}"
        return prepared


class Service:
    """A running service, and a session with it."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._session = requests.Session()
        self._worlds = 0

    def call(self, case: Drawn) -> Response:
        """Send a call that was drawn."""
        return case.call(base_url=self.endpoint, session=self._session, headers=_JSON, auth=_Signature())

    def close(self) -> None:
        """End the session."""
        self._session.close()

    def new_world(self) -> dict[str, list[str]]:
        """Add one of everything, and of tasks one in each state; return the ids by their names in paths."""
        self._worlds += 1
        job, pool, schedule = (f"{kind}-{self._worlds}" for kind in ("job", "pool", "schedule"))
        where = {"poolInfo": {"poolId": _POOL_ID}}
        tasks = [
            {"id": "done", "commandLine": "true"},
            {"id": "failed", "commandLine": "false"},
            {"id": "waiting", "commandLine": "true", "dependsOn": {"taskIds": ["failed"]}},
        ]
        self._send("POST", "/jobs", {"id": job, "usesTaskDependencies": True, **where})
        self._send("POST", f"/jobs/{job}/addtaskcollection", {"value": tasks})
        self._send("POST", "/pools", _POOL | {"id": pool, "startTask": {"commandLine": "true"}})
        recurrence = {"recurrenceInterval": "PT1H"}
        body = {"id": schedule, "schedule": recurrence, "jobSpecification": where}
        self._send("POST", "/jobschedules", body)
        node = self._send("GET", f"/pools/{pool}/nodes")["value"][0]["id"]
        self._send("POST", f"/pools/{pool}/nodes/{node}/users", {"name": "me", "password": "p"})
        return {
            "jobId": [job],
            "taskId": ["done", "failed", "waiting"],
            "poolId": [pool],
            "nodeId": [node],
            "jobScheduleId": [schedule],
            "filePath": ["stdout.txt", "wd", "startup/stdout.txt"],
            "userName": ["me"],
        }

    def _send(self, method: str, path: str, body: Any = None) -> Any:
        url = f"{self.endpoint}{path}?api-version={VERSION}"
        answer = self._session.request(method, url, json=body, headers=_JSON, auth=_Signature())
        assert answer.ok, (method, path, answer.text)
        return answer.json() if answer.content else None


@contextmanager
def running(directory: Path) -> Iterator[Service]:
    """Run a service in a thread of its own, so that what draws the calls need not be asynchronous."""
    options = Options(
        root=directory,
        pools=({"id": _POOL_ID, **_POOL},),
        quotas=Quotas(active_jobs=100_000, pools=100_000),
    )
    started: Queue[tuple[str, Callable[[], object]]] = Queue()

    async def serve() -> None:
        over, loop = asyncio.Event(), asyncio.get_running_loop()
        async with serving(options) as endpoint:
            started.put((endpoint, lambda: loop.call_soon_threadsafe(over.set)))
            await over.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    endpoint, stop = started.get(timeout=30)
    service = Service(endpoint)
    try:
        yield service
    finally:
        service.close()
        stop()
        thread.join()
