"""Comparing the results of two runs of the same job in different places."""

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any

POLL_DEPENDENT = ("task.running", "job.progress")
"""Types of events whose number depends on the moments of the polls."""

VARIABLE_FIELDS = frozenset(
    {
        *("time", "sequence", "stateTransitionTime", "creationTime", "startTime", "endTime"),
        *("firstAt", "firstTask", "nodeId", "uri", "url", "usage", "timeLeft"),
    }
)
"""Fields that differ between runs: times, URLs and nodes, and which of several tasks was the first."""


def comparable(
    events: Iterable[dict[str, Any]], *, leave_out: Collection[str] = POLL_DEPENDENT
) -> list[dict[str, Any]]:
    """Return the events that don't depend on the moments of the polls, ordered by id."""
    by_id = {event["id"]: event for event in events}
    names = {key: event["type"].removeprefix("batchmgr.") for key, event in by_id.items()}
    for key, event in by_id.items():
        if names[key] == "job.finalizing":  # the counts depend on the last poll
            event["data"].pop("counts")
    return [stable(by_id[key]) for key in sorted(by_id) if names[key] not in leave_out]


def stable(value: Any) -> Any:
    """Return the value without the fields that differ between runs."""
    if isinstance(value, Mapping):
        return {name: stable(item) for name, item in value.items() if name not in VARIABLE_FIELDS}
    if isinstance(value, list):
        return sorted((stable(item) for item in value), key=json.dumps)
    if isinstance(value, str) and value.startswith("Traceback"):
        return value.strip().rpartition("\n")[2]  # the paths of the frames differ
    return value
