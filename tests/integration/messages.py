"""Job messages as a caller writes them."""

from pathlib import Path
from typing import Any

Json = dict[str, Any]


def task(task_id: str, script: str = "true", **fields: Any) -> Json:
    """Return a task that runs a shell script. The script must not contain single quotes."""
    return {"id": task_id, "commandLine": f"/bin/sh -c '{script}'", **fields}


def gated(task_id: str, gate: Path, **fields: Any) -> Json:
    """Return a task that runs until the test creates this file."""
    return task(task_id, f"until test -e {gate}; do sleep 0.1; done", **fields)


def job(job_id: str, *tasks: Json, **fields: Any) -> Json:
    """Return a job with these tasks. The default is one task that does nothing."""
    return {"jobId": job_id, "tasks": list(tasks) or [task("only")], **fields}


def output(source: str, target: str = "", **fields: Any) -> Json:
    """Return an output file for the job's own container. The default target is the name of the source."""
    return {"sourceFilePath": source, "targetBlobPath": target or source, **fields}
