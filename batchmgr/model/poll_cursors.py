"""How far the poller has read what Azure Batch and the tasks themselves say. Kept in the job record."""

from datetime import datetime

import msgspec

from batchmgr.model.batch_snapshots import Reruns


class PollCursor(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """How far the poller has read the state transitions of the job's tasks.

    `until` is the time of the newest transition that was read. `seen` holds the fingerprints of the snapshots
    that were read within the overlap before `until`, with their times: a transition that becomes visible late
    is then still published, and none is published twice. `completed` counts the completed tasks that were
    published. `reruns` holds the published retries and requeues of tasks that have not completed yet.
    """

    until: datetime | None = None
    seen: dict[str, datetime] = {}
    completed: int = 0
    reruns: dict[str, Reruns] = {}


class SeenReport(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A progress report that was published."""

    time: datetime
    version: str


class ReportCursor(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """How far the poller has read the progress reports of the job's tasks.

    `seen` holds, by task id, the newest published report of each task that reported within the overlap before
    `until`. `results` holds, by task id, a key of the result that the task has published.
    """

    until: datetime | None = None
    seen: dict[str, SeenReport] = {}
    results: dict[str, str] = {}
