"""What two runs of the same job have in common, wherever they ran."""

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any

POLL_DEPENDENT = ("task.running", "job.progress")
"""Events that tell what was seen when somebody looked: how many there are is a matter of time."""

VARIABLE_FIELDS = frozenset(
    {"time", "sequence", "stateTransitionTime", "startTime", "endTime", "nodeId", "uri", "url"}
)
"""Fields of times, places and nodes."""


def comparable(
    events: Iterable[dict[str, Any]], *, leave_out: Collection[str] = POLL_DEPENDENT
) -> list[dict[str, Any]]:
    """The events that don't depend on when somebody looked, in an order that is not one of time."""
    told = {event["id"]: event for event in events}
    names = {key: event["type"].removeprefix("batchmgr.") for key, event in told.items()}
    for key, event in told.items():
        if names[key] == "job.finalizing":  # the counts are those of the last look
            event["data"].pop("counts")
    return [stable(told[key]) for key in sorted(told) if names[key] not in leave_out]


def stable(value: Any) -> Any:
    """A value without what no two runs have in common: times, places, and the node."""
    if isinstance(value, Mapping):
        return {name: stable(item) for name, item in value.items() if name not in VARIABLE_FIELDS}
    if isinstance(value, list):
        return sorted((stable(item) for item in value), key=json.dumps)
    if isinstance(value, str) and value.startswith("Traceback"):
        return value.strip().rpartition("\n")[2]  # the frames are in the files of whoever ran it
    return value
