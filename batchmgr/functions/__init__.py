"""The triggers: decode, call a use case, encode. Nothing is decided here."""

from collections.abc import Iterator

import azure.functions as func

from batchmgr.bootstrap import Runtime
from batchmgr.functions import delivery, finalization, health, jobs, plans, polling, submission


def blueprints(runtime: Runtime) -> Iterator[func.Blueprint]:
    """All blueprints of the app."""
    for module in (jobs, plans, health, submission, polling, finalization, delivery):
        yield module.blueprint(runtime)
