"""What to know about a variant before it costs money, in words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from statistics import median

from batchmgr.simulation.durations import Duration
from batchmgr.simulation.format_values import duration, hours
from batchmgr.simulation.job_shape import JobShape
from batchmgr.simulation.pool_variant import PoolVariant, without_comments
from batchmgr.simulation.variant_result import VariantResult

_KEEPS_TASKS = re.compile(r"\$NodeDeallocationOption\s*=\s*(taskcompletion|retaineddata)", re.IGNORECASE)
_BY_TIME = re.compile(r"GetSample\s*\(\s*[^)\d]")
_MUCH = 0.5
_OF_NODES = re.compile(r"\$(Target|Current)\w+\s*/\s*\d+")
_READS_LOAD = re.compile(r"\$(Pending|Active|Running)Tasks")


def warnings_of(result: VariantResult, shape: JobShape, durations: Mapping[str, Duration]) -> Iterator[str]:
    """Yield the warnings of a variant, the gravest first."""
    yield from _unended(result)
    yield from _in_formula(result)
    yield from _of_runs(result, shape)
    yield from _of_tasks(result, shape, durations)


def _unended(result: VariantResult) -> Iterator[str]:
    if not result.unended:
        return
    reason, _ = Counter(run["reason"] for run in result.runs if not run["ended"]).most_common(1)[0]
    stuck = [run for run in result.runs if not run["ended"]]
    left = round(median(run["tasks"]["neverRan"] for run in stuck))
    again = round(median(run["requeues"] for run in stuck))
    text = f"does not end, in {result.unended} of {len(result.runs)} runs: {reason}"
    killed = f", after {again:,} requeues" if again else ""
    yield f"{text}; {left:,} task{'s' * (left != 1)} left{killed}"


def _in_formula(result: VariantResult) -> Iterator[str]:
    formula = result.variant.formula
    if formula is None:
        return
    text = without_comments(formula)
    errors = Counter[str]()
    for run in result.counted:
        errors.update(run["formulaErrors"])
    for error, count in errors.most_common(1):
        yield f"the formula fails, {round(count / len(result.counted)):,} times in a run: {error}"
    if not _KEEPS_TASKS.search(text):
        lost = result.node_hours("lost").p50
        met = f": here {hours(lost)} node hours were lost" if lost > 0.05 else ""
        yield (
            "no $NodeDeallocationOption = taskcompletion: a node that is removed kills its tasks, and they "
            f"begin again{met}"
        )
    if _ignores_slots(result.variant, text):
        yield (
            f"it counts tasks and not slots: it asks for up to {result.variant.slots} times the nodes "
            "that they need (divide by $TaskSlotsPerNode)"
        )
    if _BY_TIME.search(text) and "GetSamplePercent" not in text:
        yield (
            "it reads samples of a time without GetSamplePercent: with less than about 70 % of them, it "
            "decides on little, or fails"
        )
    if re.search(r"\$(CPUPercent|Memory|Disk|Network|WallClock)", text):
        yield "it reads the load of machines: only $CPUPercent is known here, and a busy slot uses its share"
    if re.search(r"\btime\s*\(\s*\)", text):
        yield "it depends on the time of day and the weekday: --at says when the job comes"


def _ignores_slots(variant: PoolVariant, text: str) -> bool:
    if variant.slots == 1 or not _READS_LOAD.search(text):
        return False
    # Half of the nodes is not half of the tasks.
    of_tasks = _OF_NODES.sub("", text)
    return "$TaskSlotsPerNode" not in text and not re.search(rf"/\s*{variant.slots}\b", of_tasks)


def _of_runs(result: VariantResult, shape: JobShape) -> Iterator[str]:
    waited = result.spread(lambda run: run["zeroWhileWaiting"]).p50
    if waited >= 1 and result.variant.formula is not None:
        times = "once" if round(waited) == 1 else f"{round(waited):,} times"
        yield f"it asks for no node while tasks wait, {times} in a run"
    own = sum(shape.counts[kind] for kind in shape.own_kinds)
    never = result.spread(lambda run: run["tasks"]["neverRan"]).p50 - own
    if never >= 1 and not result.unended:
        yield f"{round(never):,} task{'s' * (round(never) != 1)} never run: one that they wait for has failed"
    if result.variant.formula is not None:
        idle, held = result.node_hours("idle").p50, result.node_hours("held").p50
        if held and idle / held > _MUCH:
            yield f"{idle / held:.0%} of the node hours are idle"


def _of_tasks(result: VariantResult, shape: JobShape, durations: Mapping[str, Duration]) -> Iterator[str]:
    limit, latest = shape.max_wall_clock_s, result.makespan.p90
    if limit is not None and latest > limit and not result.unended:
        yield f"in one run of ten or more, the job is cut off by its maxWallClockTime of {duration(limit)}"
    if result.variant.formula is None:
        return
    interval = result.variant.interval_s
    short = [
        kind for kind in shape.kinds if kind not in shape.own_kinds and durations[kind].typical_s < interval
    ]
    if short and len(short) == len(set(shape.kinds) - shape.own_kinds):
        yield (
            f"its tasks are shorter ({duration(max(durations[kind].typical_s for kind in short))}) than the "
            f"interval of {duration(interval)}: nodes come for tasks that others have done by then"
        )
