"""What callers of batchmgr import: a client of an app's HTTP API, for scripts, notebooks and services.

    from batchmgr.client import Client

    with Client("https://my-app.azurewebsites.net", key="…") as app:
        job = app.submit({"tasks": [{"id": "hello", "commandLine": "echo hello"}]})
        outcome = app.wait(job.job_id)

`Client` is for code without `async`, `AsyncClient` for code with it. Both do the same: what they do is
written once, in `flows`, `calls` and `retries`.
"""

from typing import TYPE_CHECKING, Any

from batchmgr.client.answers import (
    Accepted,
    DeadLetter,
    Event,
    FailedTask,
    FailureGroup,
    Failures,
    Job,
    JobError,
    JobWarning,
    Outcome,
    ResultFile,
    Task,
    TaskCounts,
    TaskError,
    TaskFile,
    TaskResult,
    Timeline,
    Usage,
    WaitingFor,
)
from batchmgr.client.sync_client import Client
from batchmgr.errors import AppError, AppUnavailableError, NotFoundError

if TYPE_CHECKING:
    from batchmgr.client.async_client import AsyncClient

__all__ = [
    "Accepted",
    "AppError",
    "AppUnavailableError",
    "AsyncClient",
    "Client",
    "DeadLetter",
    "Event",
    "FailedTask",
    "FailureGroup",
    "Failures",
    "Job",
    "JobError",
    "JobWarning",
    "NotFoundError",
    "Outcome",
    "ResultFile",
    "Task",
    "TaskCounts",
    "TaskError",
    "TaskFile",
    "TaskResult",
    "Timeline",
    "Usage",
    "WaitingFor",
]


def __getattr__(name: str) -> Any:
    """Import the client for `async` when it is asked for: commands start without asyncio."""
    if name == "AsyncClient":
        from batchmgr.client.async_client import AsyncClient

        return AsyncClient
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
