"""The request of a forecast, read from JSON: the tasks of a job, and the pools to try them on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from fakebatch.service_delays import Draw
from fakebatch.simulation.simulation_plan import parse_draw
from fakebatch.wire import timestamps

T = TypeVar("T")
_START: Final = "2026-01-05T09:00:00Z"
_DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What the tasks of one kind have in common: how long a run takes, and the share of runs that fail."""

    name: str
    duration: Draw
    failure: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Tasks:
    """The tasks of the job, in the order in which they are added. Each list has an entry for each task.

    `kinds` and the lists in `depends_on` are indexes. `limits` are seconds, None without a limit. A task that
    has failed for good blocks those that depend on it, unless it `satisfies` them all the same.
    """

    kinds: Sequence[int]
    slots: Sequence[int]
    retries: Sequence[int]
    nodes: Sequence[int]
    limits: Sequence[float | None]
    satisfies: Sequence[bool]
    depends_on: Sequence[Sequence[int]]

    def __len__(self) -> int:
        return len(self.kinds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A pool to try the job on: of `dedicated` and `spot` nodes, or scaled by a formula.

    `slots` are those of a node. `evictions` is how often a spot node is preempted, in an hour. `most_nodes`
    are the quotas of dedicated and of spot nodes; None: no limit. A scaled pool is there before the job, and
    nothing runs on it; the nodes of any other start to boot when the job is there. With `ready_s`, its nodes
    are ready at these seconds, and they have no start task; what is beyond takes its time.
    """

    name: str
    dedicated: int
    spot: int
    slots: int
    evictions: float
    formula: str | None
    interval_s: float
    most_nodes: tuple[int | None, int | None]
    ready_s: Sequence[float] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to forecast. `start` is the time of the job in ticks. A run is given up after `horizon_s`."""

    tasks: Tasks
    kinds: Sequence[Kind]
    variants: Sequence[Variant]
    resize: Draw
    boot: Draw
    start_task: Draw | None
    scheduling: Draw
    runs: int
    seed: int
    start: int
    horizon_s: float
    most_parallel_tasks: int


def read_request(body: Mapping[str, Any]) -> Request:
    """Return the request that the JSON describes. Raises ValueError, or KeyError for a missing name."""
    known = {
        "tasks",
        "kinds",
        "variants",
        "assumptions",
        "runs",
        "seed",
        "start",
        "horizonSeconds",
        "maxParallelTasks",
    }
    if unknown := body.keys() - known:
        raise ValueError(f"{sorted(unknown)[0]!r} is not one of {', '.join(sorted(known))}")
    assumed = body.get("assumptions", {})
    start_task = assumed.get("startTask")
    return Request(
        tasks=_tasks(body["tasks"], len(body["kinds"])),
        kinds=[_kind(kind) for kind in body["kinds"]],
        variants=[_variant(variant) for variant in body["variants"]],
        resize=parse_draw(assumed.get("resize", "0s")),
        boot=parse_draw(assumed.get("boot", "0s")),
        start_task=None if start_task is None else parse_draw(start_task),
        scheduling=parse_draw(assumed.get("scheduling", "0s")),
        runs=_at_least(1, "runs", body.get("runs", 1)),
        seed=body.get("seed", 0),
        start=timestamps.from_iso(body.get("start", _START)),
        horizon_s=_at_least(1, "horizonSeconds", body.get("horizonSeconds", 7 * _DAY_S)),
        most_parallel_tasks=body.get("maxParallelTasks", -1),
    )


def _tasks(body: Mapping[str, Any], kinds: int) -> Tasks:
    count = len(body["kind"])
    tasks = Tasks(
        kinds=body["kind"],
        slots=_column(body, "slots", count, 1),
        retries=_column(body, "retries", count, 0),
        nodes=_column(body, "nodes", count, 1),
        limits=_column(body, "limitSeconds", count, None),
        satisfies=_column(body, "satisfies", count, False),
        depends_on=_column(body, "dependsOn", count, ()),
    )
    if not count:
        raise ValueError("a job needs a task")
    if any(not 0 <= kind < kinds for kind in tasks.kinds):
        raise ValueError("tasks.kind has an index that kinds does not have")
    if any(not 0 <= other < count for others in tasks.depends_on for other in others):
        raise ValueError("tasks.dependsOn has an index that is no task's")
    return tasks


def _column(body: Mapping[str, Any], name: str, count: int, default: T) -> Sequence[T]:
    """Return a value for each task: the list that is given, or one value for all."""
    given = body.get(name, default)
    if not isinstance(given, list):
        return [given] * count
    if len(given) != count:
        raise ValueError(f"tasks.{name} has {len(given)} entries for {count} tasks")
    return given


def _kind(body: Mapping[str, Any]) -> Kind:
    samples = body.get("samples")
    if samples is not None and not (samples and min(samples) >= 0):
        raise ValueError(f"kind {body['name']!r}: samples must be seconds, at least one")
    draw = (
        parse_draw(body["duration"]) if samples is None else _resampled([float(sample) for sample in samples])
    )
    failure = float(body.get("failure", 0))
    if not 0 <= failure <= 1:
        raise ValueError(f"kind {body['name']!r}: failure must be between 0 and 1")
    return Kind(name=body["name"], duration=draw, failure=failure)


def _resampled(samples: list[float]) -> Draw:
    return lambda random: random.choice(samples)


def _variant(body: Mapping[str, Any]) -> Variant:
    quota = body.get("mostNodes", {})
    return Variant(
        name=body["name"],
        dedicated=_at_least(0, "dedicated", body.get("dedicated", 0)),
        spot=_at_least(0, "spot", body.get("spot", 0)),
        slots=_at_least(1, "slots", body.get("slots", 1)),
        evictions=_at_least(0, "evictionRate", body.get("evictionRate", 0)),
        formula=body.get("formula"),
        interval_s=_at_least(300, "intervalSeconds", body.get("intervalSeconds", 900)),
        most_nodes=(quota.get("dedicated"), quota.get("spot")),
        ready_s=body.get("readySeconds"),
    )


N = TypeVar("N", int, float)


def _at_least(least: float, name: str, number: N) -> N:
    if number < least:
        raise ValueError(f"{name} must be {least:g} or more")
    return number
