"""When the tasks of a job have run, and where: columns, one row for each task that has been seen.

What is told of a task may repeat, and come in any order: of two snapshots the one with the later transition
counts. A run that began at another time than the newest one was lost, or was retried.
"""

from datetime import datetime
from itertools import pairwise

import msgspec

from batchmgr.model.batch_snapshots import TaskSnapshot
from batchmgr.plan.task_kind import kind_of

STATES = ("running", "succeeded", "failed")
RUNNING, SUCCEEDED, FAILED = range(3)
NONE = -1
"""The index of no node, and of no error."""

MOST_NAMES = 10_000
"""Of how many display names the kinds are remembered."""


class Runs(msgspec.Struct, kw_only=True):
    """A task that has run more than once: on which node each known run began, and when one was lost."""

    starts: dict[float, int] = {}
    losses: list[float] = []


class LostRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run of the task in this row that was lost or retried. Times are seconds after the origin."""

    task: int
    node: int
    start: float
    end: float


class Timeline(msgspec.Struct, kw_only=True):
    """The columns. Times are seconds after `origin`; kinds, nodes and errors are indexes of those lists.

    `offset` is where in the job's log to read on. `changed` is when a task has changed its state last. `runs`
    are those of tasks that have run more than once, by row.
    """

    origin: datetime
    offset: int = 0
    kinds: list[str] = []
    nodes: list[str] = []
    errors: list[str] = []
    task_id: list[str] = []
    kind: list[int] = []
    state: list[int] = []
    node: list[int] = []
    start: list[float | None] = []
    end: list[float | None] = []
    exit_code: list[int | None] = []
    error: list[int] = []
    retries: list[int] = []
    requeues: list[int] = []
    changed: list[float] = []
    runs: dict[int, Runs] = {}

    def seconds(self, time: datetime | None) -> float | None:
        """Return a time as it is in the columns."""
        return None if time is None else (time - self.origin).total_seconds()

    def lost_runs(self) -> list[LostRun]:
        """Return the runs that are known to have been lost or retried: those that were seen, oldest first."""
        found = []
        for row, runs in self.runs.items():
            starts = sorted(runs.starts)
            for start, following in pairwise(starts):
                end = min((loss for loss in runs.losses if start < loss < following), default=following)
                found.append(LostRun(task=row, node=runs.starts[start], start=start, end=end))
        return sorted(found, key=lambda run: (run.start, run.task))


class TimelineWriter:
    """Adds what is told of tasks to a timeline."""

    def __init__(self, timeline: Timeline) -> None:
        self.timeline = timeline
        self._rows = {task_id: row for row, task_id in enumerate(timeline.task_id)}
        self._nodes = {name: number for number, name in enumerate(timeline.nodes)}
        self._errors = {name: number for number, name in enumerate(timeline.errors)}
        self._kinds = {name: number for number, name in enumerate(timeline.kinds)}
        self._kinds_by_name: dict[str, int] = {}

    def add(self, task: TaskSnapshot) -> None:
        """Add one snapshot of a task."""
        it, row = self.timeline, self._rows.get(task.task_id)
        changed = it.seconds(task.state_transition_time) or 0.0
        node = _index(self._nodes, it.nodes, task.node_id)
        start = it.seconds(task.start_time)
        if row is None:
            row = self._rows[task.task_id] = len(it.task_id)
            it.task_id.append(task.task_id)
            it.kind.append(self._kind(task))
            self._append(changed)
            self._note_runs(row, task, node, start)
            self._set(row, task, node, start)
        else:
            self._note_runs(row, task, node, start)
            is_running = it.state[row] == RUNNING
            if changed > it.changed[row] or (changed == it.changed[row] and is_running):
                it.changed[row] = changed
                self._set(row, task, node, start)

    def _append(self, changed: float) -> None:
        """Add a row, to be set."""
        it = self.timeline
        for numbers in (it.state, it.node, it.error, it.retries, it.requeues):
            numbers.append(NONE)
        for times in (it.start, it.end):
            times.append(None)
        it.exit_code.append(None)
        it.changed.append(changed)

    def _set(self, row: int, task: TaskSnapshot, node: int, start: float | None) -> None:
        it = self.timeline
        is_over = task.state == "completed"
        it.state[row] = RUNNING if not is_over else SUCCEEDED if task.result == "success" else FAILED
        it.node[row] = node
        it.start[row] = start
        it.end[row] = it.seconds(task.end_time) if is_over else None
        it.exit_code[row] = task.exit_code
        has_failed = it.state[row] == FAILED and task.error is not None
        it.error[row] = _index(self._errors, it.errors, task.error.type if has_failed and task.error else "")
        it.retries[row] = task.retry_count
        it.requeues[row] = task.requeue_count

    def _note_runs(self, row: int, task: TaskSnapshot, node: int, start: float | None) -> None:
        """Note a run that is another than the one in the row, and when a run was lost."""
        it = self.timeline
        known, runs, lost = it.start[row], it.runs.get(row), it.seconds(task.last_requeue_time)
        if runs is None:
            if lost is None and (start is None or known is None or start == known):
                return
            runs = it.runs[row] = Runs(starts={} if known is None else {known: it.node[row]})
        if start is not None:
            runs.starts[start] = node
        if lost is not None and lost not in runs.losses:
            runs.losses.append(lost)

    def _kind(self, task: TaskSnapshot) -> int:
        """Return the kind of a task. Thousands have the same display name."""
        if not task.display_name:
            return _index(self._kinds, self.timeline.kinds, kind_of(task.task_id))
        known = self._kinds_by_name.get(task.display_name)
        if known is None:
            known = _index(self._kinds, self.timeline.kinds, kind_of(task.task_id, task.display_name))
            if len(self._kinds_by_name) < MOST_NAMES:
                self._kinds_by_name[task.display_name] = known
        return known


def _index(numbers: dict[str, int], names: list[str], name: str) -> int:
    """Return the index of a name, which is added if it is new; NONE for no name."""
    if not name:
        return NONE
    if (known := numbers.get(name)) is not None:
        return known
    names.append(name)
    numbers[name] = len(names) - 1
    return numbers[name]
