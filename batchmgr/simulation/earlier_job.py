"""An earlier job, from its timeline: its tasks, how long they took, and the nodes that it had."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from batchmgr.errors import SimulationError
from batchmgr.plan.job_plan import FINALIZE_TASK_ID, RESERVED_PREFIX
from batchmgr.simulation.durations import Duration
from batchmgr.simulation.job_shape import JobShape
from batchmgr.simulation.real_curves import RealCurves, Run, real_curves

_MOST_DEPENDENCIES = 200_000
"""How many dependencies may be guessed between two kinds. More take long to simulate."""

_LONGEST_GAP_S = 60.0
"""A longer gap between two tasks of a node is no delay of its start: there was nothing to do."""


@dataclass(frozen=True, kw_only=True)
class EarlierJob:
    """What the timeline of a job tells. Times are seconds since the job was created.

    `ready` are the first starts of its nodes, `slots` the most tasks that a node had at a time, `gaps` the
    seconds between the end of a task and the start of the next on its slot, `work_s` is how long its tasks
    ran in all, and `lost_s` what was lost.
    """

    job_id: str
    has_ended: bool
    shape: JobShape
    durations: Mapping[str, Duration]
    makespan_s: float
    ready: Sequence[float]
    slots: int
    gaps: Sequence[float]
    requeues: int
    work_s: float
    lost_s: float
    curves: RealCurves
    guesses: tuple[str, ...]

    @property
    def scheduling_s(self) -> float:
        """The usual seconds between two tasks of a slot."""
        return median(self.gaps) if self.gaps else 0.0


def read_timeline(text: str) -> EarlierJob:
    """Return the job of a timeline, the answer of `GET /jobs/{id}/timeline`. Raise SimulationError."""
    try:
        timeline = json.loads(text)
        return earlier_job(timeline)
    except (ValueError, TypeError, IndexError, AttributeError) as error:
        raise SimulationError(f"this is no timeline of a job: {error}") from error
    except KeyError as error:
        raise SimulationError(f"this is no timeline of a job: it lacks {error.args[0]!r}") from error


def earlier_job(timeline: Mapping[str, Any]) -> EarlierJob:
    """Return what a timeline tells. Raise SimulationError if no task has ended."""
    runs = _runs(timeline)
    if not runs:
        raise SimulationError(f"no task of the job {timeline['jobId']} has ended: it tells nothing yet")
    by_node: dict[int, list[Run]] = defaultdict(list)
    for run in runs:
        if run.node >= 0:
            by_node[run.node].append(run)
    slots = max(map(_most_at_once, by_node.values()), default=1)
    shape, guesses = _shape(timeline, runs)
    lost = timeline.get("lost", {})
    return EarlierJob(
        job_id=str(timeline["jobId"]),
        has_ended=len(runs) == len(shape),
        shape=shape,
        durations=_durations(timeline, runs, shape),
        makespan_s=max(run.end for run in runs),
        ready=sorted(min(run.start for run in some) for some in by_node.values()),
        slots=slots,
        gaps=[gap for some in by_node.values() for gap in _gaps(some)],
        requeues=sum(timeline.get("requeues", ())),
        work_s=sum(run.end - run.start for run in runs),
        curves=real_curves(runs),
        lost_s=sum(
            end - start
            for start, end in zip(lost.get("start", ()), lost.get("end", ()), strict=True)
            if start is not None and end is not None
        ),
        guesses=guesses,
    )


def _runs(timeline: Mapping[str, Any]) -> list[Run]:
    columns = zip(timeline["node"], timeline["start"], timeline["end"], strict=True)
    return [
        Run(task=task, node=node, start=float(start), end=float(end))
        for task, (node, start, end) in enumerate(columns)
        if start is not None and end is not None
    ]


def _most_at_once(runs: Sequence[Run]) -> int:
    """Return how many runs of a node went on at the same time."""
    # An end comes before a start at the same moment.
    moments = sorted([(run.start, 1) for run in runs] + [(run.end, -1) for run in runs])
    most = now = 0
    for _, change in moments:
        now += change
        most = max(most, now)
    return most


def _gaps(runs: Sequence[Run]) -> list[float]:
    """Return the seconds between the end of a run and the start of the next one in its place."""
    ends = sorted(run.end for run in runs)
    gaps, first = [], 0
    for start in sorted(run.start for run in runs):
        if first < len(ends) and ends[first] <= start:
            if start - ends[first] <= _LONGEST_GAP_S:
                gaps.append(start - ends[first])
            first += 1
    return gaps


def _durations(timeline: Mapping[str, Any], runs: Sequence[Run], shape: JobShape) -> dict[str, Duration]:
    samples: dict[str, list[float]] = defaultdict(list)
    failed: dict[str, int] = defaultdict(int)
    names, states = timeline["states"], _task_states(timeline)
    for run in runs:
        kind = shape.kinds[shape.kind[run.task]]
        samples[kind].append(run.end - run.start)
        failed[kind] += states[run.task] >= 0 and names[states[run.task]] == "failed"
    return {
        kind: Duration(samples=found, failure=failed[kind] / len(found)) for kind, found in samples.items()
    }


def _task_states(timeline: Mapping[str, Any]) -> Sequence[int]:
    """Return the column with the states of the tasks. The state of the job may have its name."""
    column = timeline.get("taskState", timeline["state"])
    return column if isinstance(column, list) else [-1] * len(timeline["taskId"])


def _shape(timeline: Mapping[str, Any], runs: Sequence[Run]) -> tuple[JobShape, tuple[str, ...]]:
    """Return the shape of the job, and in words what was guessed of it: a timeline has no dependencies."""
    kinds, kind = timeline["kinds"], timeline["kind"]
    count = len(kind)
    own = {kinds[index] for index, task in zip(kind, timeline["taskId"], strict=True) if _is_own(task)}
    members: dict[int, list[int]] = defaultdict(list)
    for task, index in enumerate(kind):
        members[index].append(task)
    first = {index: min((r.start for r in runs if kind[r.task] == index), default=None) for index in members}
    last = {index: max((r.end for r in runs if kind[r.task] == index), default=None) for index in members}
    depends_on: list[Sequence[int]] = [()] * count
    guesses = []
    for index in members:
        upstream = _stage_before(index, first, last)
        if upstream is None:
            continue
        pair = f"{kinds[index]} tasks wait for all {kinds[upstream]} tasks"
        if len(members[index]) * len(members[upstream]) > _MOST_DEPENDENCIES:
            guesses.append(f"{pair}, as it seems, and not in this simulation: they are too many")
            continue
        guesses.append(f"{pair}, as it seems: all of them started later")
        for task in members[index]:
            depends_on[task] = tuple(members[upstream])
    retries = timeline.get("retries", [0] * count)
    shape = JobShape(
        kinds=tuple(kinds),
        own_kinds=frozenset(own),
        kind=list(kind),
        slots=[1] * count,
        # A task that was retried may be retried as often.
        retries=[max(retries, default=0)] * count,
        nodes=[1] * count,
        limit=[None] * count,
        # Those that wait began when all before them had ended, whether they had failed or not.
        satisfies=[True] * count,
        depends_on=depends_on,
    )
    return shape, tuple(guesses)


def _is_own(task_id: str) -> bool:
    return task_id == FINALIZE_TASK_ID or task_id.startswith(RESERVED_PREFIX)


def _stage_before(
    index: int, first: Mapping[int, float | None], last: Mapping[int, float | None]
) -> int | None:
    """Return the kind that ended last before any task of this kind started, or None."""
    start = first[index]
    if start is None:
        return None
    over = [
        (end, other) for other, end in last.items() if other != index and end is not None and end <= start
    ]
    return max(over)[1] if over else None
