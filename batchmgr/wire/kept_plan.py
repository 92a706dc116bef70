"""The plan of a job as it is kept: one line of JSON for each task, and a last one for everything else.

The last line says in which layout. The names are those of `TaskPlan` and `JobPlan`. Nobody but batchmgr
reads it.
"""

from collections.abc import Sequence
from dataclasses import replace

import msgspec

from batchmgr.plan.job_plan import JobPlan, TaskPlan
from batchmgr.wire.json_codec import prepare
from batchmgr.wire.layout import decode_stored, stamp

prepare(TaskPlan, JobPlan)

_TASKS = msgspec.json.Decoder(TaskPlan)
NOT_A_LEAF = b"false"
_FROM_END = len(b"false}\n")


def encode_task(task: TaskPlan) -> bytes:
    """Return the line of a task. It ends with `is_leaf`, and with room to make that false: `leaf_mark`."""
    line = msgspec.json.encode(task)
    return line[:-1] + b" }\n" if task.is_leaf else line + b"\n"


def leaf_mark(line_end: int) -> int:
    """Return where to write `NOT_A_LEAF` in the line that ends there.

    Whether a task is a leaf is known only when all tasks are.
    """
    return line_end - _FROM_END


def decode_tasks(lines: bytes) -> list[TaskPlan]:
    """Return the tasks of some lines."""
    return _TASKS.decode_lines(lines)


def encode_rest(plan: JobPlan) -> bytes:
    """Return the last line: everything but the tasks, and but the trace, which the job's record has."""
    return stamp(msgspec.json.encode(replace(plan, tasks=(), traceparent="")))


def decode_plan(last_line: bytes, tasks: Sequence[TaskPlan], traceparent: str) -> JobPlan:
    """Return the plan whose last line this is. Raise NewerLayoutError."""
    return replace(
        decode_stored(last_line, JobPlan, "the plan of a job"), tasks=tasks, traceparent=traceparent
    )
