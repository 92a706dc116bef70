"""The timeline of a job: read from the lines of its log, kept between requests, and as it is answered."""

import zlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from batchmgr.model.job_record import JobRecord
from batchmgr.model.timeline import STATES, TaskTold, Timeline
from batchmgr.wire.answer import Json
from batchmgr.wire.events import TASK_STATES
from batchmgr.wire.json_codec import prepare

LAYOUT = 1
"""Raised with each change of what is kept: what has another number is made anew."""


class _Line(msgspec.Struct, gc=False):
    """An event, of which the data are read only if it tells of a task."""

    type: str
    data: msgspec.Raw


prepare(_Line, TaskTold)
_lines = msgspec.json.Decoder(_Line).decode_lines
_task = msgspec.json.Decoder(TaskTold).decode
_packed = msgspec.msgpack.Decoder(tuple[int, str, Timeline])


def tasks_told(lines: bytes) -> Iterator[TaskTold]:
    """Yield what whole lines of a log tell of tasks, in their order."""
    for line in _lines(lines):
        if line.type in TASK_STATES:
            yield _task(line.data)


def pack(record: JobRecord, timeline: Timeline) -> bytes:
    """Return a timeline as it is kept, with what tells its job from a later one of the same id."""
    return zlib.compress(msgspec.msgpack.encode((LAYOUT, record.digest, timeline)), 1)


def unpack(record: JobRecord, body: bytes) -> Timeline | None:
    """Return the timeline of this job that was kept, or None if it can't be used."""
    try:
        layout, digest, timeline = _packed.decode(zlib.decompress(body))
    except (zlib.error, msgspec.MsgspecError):
        return None
    is_own = (layout, digest, timeline.origin) == (LAYOUT, record.digest, record.created_at)
    return timeline if is_own else None


def timeline_answer(record: JobRecord, timeline: Timeline, now: datetime) -> Json:
    """Return the columns of a job's tasks. See `docs/http-api.md`."""
    lost = timeline.lost_runs()
    answer: dict[str, Any] = {
        "jobId": record.job_id,
        "jobState": record.told_state.value,
        "asOf": now,
        "origin": timeline.origin,
        "total": record.run.total,
        "kinds": timeline.kinds,
        "nodes": timeline.nodes,
        "states": STATES,
        "errors": timeline.errors,
        "taskId": timeline.task_id,
        "kind": timeline.kind,
        "state": timeline.state,
        "node": timeline.node,
        "start": timeline.start,
        "end": timeline.end,
        "exitCode": timeline.exit_code,
        "error": timeline.error,
        "retries": timeline.retries,
        "requeues": timeline.requeues,
        "lost": {name: [getattr(run, name) for run in lost] for name in ("task", "node", "start", "end")},
    }
    return answer
