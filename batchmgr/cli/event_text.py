"""What an event says, on one line."""

from collections.abc import Mapping
from typing import Any

from batchmgr.cli.output import one_line
from batchmgr.client.answers import Event


def event_line(event: Event) -> str:
    """Return an event on one line: when, what, and its details."""
    time = f"{event.time:%H:%M:%S}" if event.time else ""
    return f"{time}  {event.type.removeprefix('batchmgr.'):<16} {one_line(detail(event.data))}".rstrip()


def detail(data: Mapping[str, Any]) -> str:
    """Return what a line shows after the event's type: the task and its error, or the tasks' counts."""
    if "taskId" in data:
        name = data.get("displayName") or f"task {data['taskId']}"
        if "fraction" in data:
            return f"{name}: {data['fraction']:.0%} {data['message']}".rstrip()
        error = data.get("error") or {}
        return f"{name}: {error['message']}" if error.get("message") else str(name)
    if error := data.get("error"):
        return str(error["message"])
    if "reason" in data:
        return str(data["reason"])
    if counts := data.get("counts"):
        return f"{counts['completed']} of {data['total']} tasks"
    return ""
