"""The triggers: each decodes its input, calls one use case, and encodes the answer. Nothing is decided here.

A module is named after the kind of its trigger. Its handlers are plain functions; its `blueprint` binds them.
"""

from collections.abc import Iterator

import azure.functions as func

from batchmgr.functions import (
    blob_finalize,
    http_dashboard,
    http_dead_letters,
    http_files,
    http_health,
    http_job_progress,
    http_jobs,
    http_openapi,
    http_plan,
    http_purge,
    http_rerun,
    http_tasks,
    http_uploads,
    http_usage,
    queue_callbacks,
    queue_finalize,
    queue_job_requests,
    queue_polls,
    timer_poll,
    timer_retention,
)
from batchmgr.runtime import Runtime


def blueprints(runtime: Runtime) -> Iterator[func.Blueprint]:
    """Yield all blueprints of the app."""
    triggers = (
        http_jobs,
        http_job_progress,
        http_tasks,
        http_dead_letters,
        http_files,
        http_rerun,
        http_purge,
        http_plan,
        http_openapi,
        http_uploads,
        http_usage,
        http_health,
        http_dashboard,
        queue_job_requests,
        timer_poll,
        timer_retention,
        blob_finalize,
        queue_finalize,
        queue_callbacks,
        queue_polls,
    )
    for module in triggers:
        yield module.blueprint(runtime)
