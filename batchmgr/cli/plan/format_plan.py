"""Formats a plan as text."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from batchmgr.wire.plan_preview import PlanPreview

Json = Mapping[str, Any]
NOT_SHOWN = ("id", "exitConditions")
"""Fields that the text leaves out. The id is in the heading, and exit conditions rarely matter to readers."""


def format_plan(answer: PlanPreview) -> str:
    """Return the plan, or its problems, as text."""
    if answer.problems:
        count = len(answer.problems)
        lines = [f"Job {answer.job_id} would not be accepted: {count} problem{'s'[: count > 1]}.", ""]
        return "\n".join([*lines, *(f"  {p.field or 'message'}: {p.reason}" for p in answer.problems)])
    pool = f"pool {answer.pool_id}" if answer.pool_id else "an auto pool"
    lines = [
        f"Job {answer.job_id} on {pool}",
        "",
        f"  tasks      {answer.tasks:,}, the FinalizeTask included",
        f"  calls      {answer.calls:,} to Azure Batch",
        f"  size       {_size(answer.bytes)} in all, {_size(answer.largest_task_bytes)} the largest task",
    ]
    lines += [f"  warning    {one.field}: {one.reason}" for one in answer.warnings]
    for body in answer.expanded_tasks:
        lines += ["", f"Task {body['id']}", *(f"  {name:<20} {value}" for name, value in _facts(body))]
    if answer.tasks > len(answer.expanded_tasks):
        lines += ["", f"… and {answer.tasks - len(answer.expanded_tasks):,} more"]
    return "\n".join(lines)


def _facts(body: Json) -> Iterator[tuple[str, str]]:
    """Yield the name and value of each line about a task."""
    for name, value in body.items():
        if name in NOT_SHOWN:
            continue
        match name:
            case "environmentSettings":
                yield from ((name, f"{item['name']}={item['value']}") for item in value)
            case "resourceFiles":
                yield from ((name, f"{item['filePath'] or '.'} ← {_source(item)}") for item in value)
            case "outputFiles":
                yield from ((name, f"{item['filePattern']} → {_target(item)}") for item in value)
            case "dependsOn":
                yield name, ", ".join(_dependencies(value))
            case _:
                yield name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _source(file: Json) -> str:
    if "httpUrl" in file:
        return str(file["httpUrl"])
    return f"{file['storageContainerUrl']}/{file['blobPrefix']}*"


def _target(file: Json) -> str:
    container = file["destination"]["container"]
    when = file["uploadOptions"]["uploadCondition"]
    return f"{container['containerUrl']}/{container.get('path', '')} ({when})"


def _dependencies(value: Json) -> Iterator[str]:
    yield from value.get("taskIds", ())
    for span in value.get("taskIdRanges", ()):
        yield str(span["start"]) if span["start"] == span["end"] else f"{span['start']}–{span['end']}"


def _size(count: int) -> str:
    if count < 1000:
        return f"{count} bytes"
    return f"{count / 1000:,.1f} kB" if count < 1_000_000 else f"{count / 1_000_000:,.1f} MB"
