"""Job messages as a producer writes them."""

from pathlib import Path
from typing import Any

Json = dict[str, Any]


def task(task_id: str, script: str = "true", **fields: Any) -> Json:
    """A task that runs a shell script, which holds no single quote."""
    return {"id": task_id, "commandLine": f"/bin/sh -c '{script}'", **fields}


def gated(task_id: str, gate: Path, **fields: Any) -> Json:
    """A task that runs until the test makes this file."""
    return task(task_id, f"until test -e {gate}; do sleep 0.1; done", **fields)


def job(job_id: str, *tasks: Json, **fields: Any) -> Json:
    """A job of these tasks; of one that does nothing, if none is given."""
    return {"jobId": job_id, "tasks": list(tasks) or [task("only")], **fields}


def output(source: str, target: str = "", **fields: Any) -> Json:
    """An output file, kept in the job's own container, under the same name unless another is given."""
    return {"sourceFilePath": source, "targetBlobPath": target or source, **fields}
