"""The triggers: decode, call a use case, encode. Nothing is decided here."""

from collections.abc import Iterator

import azure.functions as func

from batchmgr.bootstrap import Runtime
from batchmgr.functions import blob_finalize as finalization
from batchmgr.functions import http_health as health
from batchmgr.functions import http_jobs as jobs
from batchmgr.functions import http_plan as plans
from batchmgr.functions import queue_callbacks as delivery
from batchmgr.functions import queue_job_requests as submission
from batchmgr.functions import timer_poll as polling


def blueprints(runtime: Runtime) -> Iterator[func.Blueprint]:
    """All blueprints of the app."""
    for module in (jobs, plans, health, submission, polling, finalization, delivery):
        yield module.blueprint(runtime)
