"""When the tasks of a job have run, and where: columns, one row for each task that has been seen.

What is told of a task may repeat, and come in any order: of two snapshots the one with the later transition
counts. A run that began at another time than the newest one was lost, or was retried.
"""

from datetime import datetime
from itertools import pairwise

import msgspec

from batchmgr.plan.task_kind import kind_of

STATES = ("running", "succeeded", "failed")
RUNNING, SUCCEEDED, FAILED = range(3)
NONE = -1
"""The index of no node, and of no error."""

MOST_NAMES = 10_000
"""Of how many display names the kinds are remembered."""


class ErrorTold(msgspec.Struct, gc=False):
    """The error of a task, of which a timeline has the type."""

    type: str = ""


class TaskTold(msgspec.Struct, kw_only=True, rename="camel", gc=False):
    """What a timeline has of a TaskSnapshot. To decode no more saves most of the time if many tasks fail."""

    task_id: str
    state: str
    state_transition_time: datetime
    display_name: str = ""
    result: str = ""
    exit_code: int | None = None
    error: ErrorTold | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    retry_count: int = 0
    requeue_count: int = 0
    last_requeue_time: datetime | None = None
    node_id: str = ""


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
    """Adds what is told of tasks to a timeline: of hundreds of thousands of snapshots within a second."""

    def __init__(self, timeline: Timeline) -> None:
        self.timeline = timeline
        self._rows = {task_id: row for row, task_id in enumerate(timeline.task_id)}
        self._nodes = _Indexes(timeline.nodes)
        self._errors = _Indexes(timeline.errors)
        self._kinds = _Indexes(timeline.kinds)
        self._kinds_by_name: dict[str, int] = {}

    def add(self, task: TaskTold) -> None:
        """Add one snapshot of a task."""
        it, row = self.timeline, self._rows.get(task.task_id)
        changed = (task.state_transition_time - it.origin).total_seconds()
        start = None if task.start_time is None else (task.start_time - it.origin).total_seconds()
        if row is None:
            row = self._rows[task.task_id] = len(it.task_id)
            if task.last_requeue_time is not None:
                self._note_run(row, None, task, start)
            self._append(task, start, changed)
            return
        known = it.start[row]
        if start != known or task.last_requeue_time is not None:
            self._note_run(row, known, task, start)
        if changed > it.changed[row] or (changed == it.changed[row] and it.state[row] == RUNNING):
            self._set(row, task, start, changed)

    def _append(self, task: TaskTold, start: float | None, changed: float) -> None:
        it = self.timeline
        state, end, error = self._end(task)
        it.task_id.append(task.task_id)
        it.kind.append(self._kind(task))
        it.state.append(state)
        it.node.append(self._nodes[task.node_id])
        it.start.append(start)
        it.end.append(end)
        it.exit_code.append(task.exit_code)
        it.error.append(error)
        it.retries.append(task.retry_count)
        it.requeues.append(task.requeue_count)
        it.changed.append(changed)

    def _set(self, row: int, task: TaskTold, start: float | None, changed: float) -> None:
        it = self.timeline
        it.state[row], it.end[row], it.error[row] = self._end(task)
        it.node[row] = self._nodes[task.node_id]
        it.start[row] = start
        it.exit_code[row] = task.exit_code
        it.retries[row] = task.retry_count
        it.requeues[row] = task.requeue_count
        it.changed[row] = changed

    def _end(self, task: TaskTold) -> tuple[int, float | None, int]:
        """Return the state of a task, when it has ended, and with which error."""
        if task.state != "completed":
            return RUNNING, None, NONE
        end = None if task.end_time is None else (task.end_time - self.timeline.origin).total_seconds()
        if task.result == "success":
            return SUCCEEDED, end, NONE
        return FAILED, end, self._errors[task.error.type if task.error else ""]

    def _note_run(self, row: int, known: float | None, task: TaskTold, start: float | None) -> None:
        """Note a run that is another than the one in the row, and when a run was lost."""
        it = self.timeline
        runs, lost = it.runs.get(row), it.seconds(task.last_requeue_time)
        if runs is None:
            if lost is None and (start is None or known is None):
                return
            runs = it.runs[row] = Runs(starts={} if known is None else {known: it.node[row]})
        if start is not None:
            runs.starts[start] = self._nodes[task.node_id]
        if lost is not None and lost not in runs.losses:
            runs.losses.append(lost)

    def _kind(self, task: TaskTold) -> int:
        """Return the kind of a task. Thousands have the same display name."""
        if not task.display_name:
            return self._kinds[kind_of(task.task_id)]
        known = self._kinds_by_name.get(task.display_name)
        if known is None:
            known = self._kinds[kind_of(task.task_id, task.display_name)]
            if len(self._kinds_by_name) < MOST_NAMES:
                self._kinds_by_name[task.display_name] = known
        return known


class _Indexes(dict[str, int]):
    """The indexes of names in a list. A name that is looked up and not in the list is added to it."""

    def __init__(self, names: list[str]) -> None:
        super().__init__({name: number for number, name in enumerate(names)}, **{"": NONE})
        self._names = names

    def __missing__(self, name: str) -> int:
        """Add a name, and return its index."""
        self[name] = number = len(self._names)
        self._names.append(name)
        return number
