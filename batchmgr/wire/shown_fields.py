"""Which fields of a job's record are shown, by name: a new field is private until it is added here."""

from collections.abc import Sequence
from typing import Any, overload

import msgspec

Json = dict[str, Any]

COUNTS = ("active", "running", "completed", "succeeded", "failed")
WAITING_FOR = ("code", "reason", "advice", "since", "place")
CALLBACK = ("state", "attempts", "nextAttemptAt", "lastError", "givenUpAt")
DEAD_LETTER = ("id", "kind", "time", "reason", "jobId", "receiver", "queue", "messageId")
ERROR = ("code", "message", "field", "category")
RESULT = ("name", "uri")
TASK_RESULT = ("taskId", "result")
FAILED_TASK = ("taskId", "displayName", "exitCode", "error")
FAILURE = ("type", "message", "category", "field")
"""Without traceback and stderr: these are in the task's event, and in the list of tasks."""

FAILURE_GROUP = (
    "type",
    "category",
    "message",
    "count",
    "lookedAt",
    "firstTask",
    "tasks",
    "exitCode",
    "firstAt",
)
"""Without traceback and stderr: these are in the list of failures."""

TASK = (
    "taskId",
    "state",
    "stateTransitionTime",
    "displayName",
    "result",
    "exitCode",
    "error",
    "startTime",
    "endTime",
    "retryCount",
    "lastRetryTime",
    "requeueCount",
    "lastRequeueTime",
    "nodeId",
)
TASK_ERROR = (*FAILURE, "traceback", "stderr")


@overload
def shown(value: msgspec.Struct, fields: Sequence[str]) -> Json: ...
@overload
def shown(value: None, fields: Sequence[str]) -> None: ...
def shown(value: msgspec.Struct | None, fields: Sequence[str]) -> Json | None:
    """Return these fields of a part of a record, as far as it has them."""
    if value is None:
        return None
    known: Json = msgspec.to_builtins(value)
    return {name: known[name] for name in fields if name in known}
