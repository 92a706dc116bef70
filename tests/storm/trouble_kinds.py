"""The kinds of trouble in a storm, and how often each strikes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

SECONDS_A_TROUBLE = 1.5

_BATCH_OPERATIONS = (
    "*",
    "*",
    "create_job",
    "create_task_collection",
    "get_job",
    "get_job_task_counts",
    "list_tasks",
    "terminate_job",
    "update_job",
)


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """One trouble, which lasts for `seconds`. `details` depend on the kind."""

    at: float
    kind: str
    seconds: float
    details: Mapping[str, Any] = field(default_factory=dict)

    def describe(self) -> str:
        """Return the trouble in words."""
        words = " ".join(f"{name}={value}" for name, value in self.details.items())
        return " ".join(filter(None, (self.kind.replace("_", " "), words, f"for {self.seconds:.1f} s")))


def draw_troubles(random: Random, seconds: float, *, hosts: int, is_short: bool) -> Sequence[Trouble]:
    """Draw the troubles of a storm: each kind once, as far as there is time, and then by weight."""
    if is_short:
        return _short_troubles(random, seconds)
    kinds = list(TROUBLES)
    random.shuffle(kinds)
    count = int(seconds / SECONDS_A_TROUBLE)
    more = random.choices(list(TROUBLES), [_WEIGHTS.get(kind, 2) for kind in TROUBLES], k=count)
    return sorted(
        (_draw(random, kind, seconds, hosts) for kind in [*kinds, *more][:count]),
        key=lambda trouble: trouble.at,
    )


def _draw(random: Random, kind: str, seconds: float, hosts: int) -> Trouble:
    lasts, details = TROUBLES[kind](random)
    if kind in {"kill_host", "replace_host", "freeze_host"}:
        details = {"host": random.randrange(hosts), **details}
    return Trouble(at=round(random.uniform(0, seconds), 1), kind=kind, seconds=lasts, details=details)


def _short_troubles(random: Random, seconds: float) -> Sequence[Trouble]:
    """Draw a trouble of most kinds, but none that costs a minute afterwards.

    The host that is killed is the last one. The first one runs the timers, whose leases would rest.
    """

    def at(start: float, end: float) -> float:
        return round(random.uniform(start, end) * seconds, 1)

    error = {"fault": "error", "status": random.choice((429, 503, 500)), "probability": 0.3}
    cut = {"fault": "cut", "when": random.choice(("before", "after")), "probability": 0.4}
    return [
        Trouble(at=at(0, 0.2), kind="batch_error", seconds=3, details=error),
        Trouble(at=at(0, 0.3), kind="batch_cut", seconds=3, details=cut),
        Trouble(
            at=at(0, 0.3), kind="storage_fault", seconds=2, details={"what": "error", "probability": 0.1}
        ),
        Trouble(at=at(0.2, 0.5), kind="stop_azurite", seconds=1.5),
        Trouble(at=at(0.3, 0.6), kind="stop_batch", seconds=1.5),
        Trouble(at=at(0.3, 0.6), kind="front_fault", seconds=2, details={"what": "lost", "probability": 0.3}),
        Trouble(at=at(0.3, 0.7), kind="delete_progress_queue", seconds=0),
        Trouble(
            at=at(0.3, 0.7), kind="repeat_messages", seconds=0, details={"seed": random.randrange(10**6)}
        ),
        Trouble(at=at(0.6, 0.8), kind="kill_host", seconds=0.5, details={"host": 1, "when_submitted": True}),
    ]


_Drawn = tuple[float, Mapping[str, Any]]


def _batch_error(random: Random) -> _Drawn:
    status = random.choice((429, 503, 500))
    rule: dict[str, Any] = {"fault": "error", "operation": random.choice(_BATCH_OPERATIONS), "status": status}
    if status != 500 and random.random() < 0.5:
        rule["retryAfter"] = random.randint(1, 5)
    return random.uniform(2, 15), rule | _often(random)


def _batch_cut(random: Random) -> _Drawn:
    rule: dict[str, Any] = {
        "fault": "cut",
        "operation": random.choice(_BATCH_OPERATIONS),
        "when": random.choice(("before", "after", "after")),
    }
    return random.uniform(2, 15), rule | _often(random)


def _batch_latency(random: Random) -> _Drawn:
    rule: dict[str, Any] = {
        "fault": "latency",
        "operation": random.choice(_BATCH_OPERATIONS),
        "seconds": round(random.uniform(0.2, 5), 1),
    }
    return random.uniform(2, 15), rule | _often(random)


def _batch_quota(random: Random) -> _Drawn:
    return random.uniform(5, 20), {"fault": "quotas", "activeJobs": random.choice((0, 1, 3))}


def _late_counts(random: Random) -> _Drawn:
    return random.uniform(5, 30), {"fault": "countsLag", "seconds": random.choice((1, 5, 20))}


def _often(random: Random) -> dict[str, Any]:
    return {"probability": random.choice((0.1, 0.3, 0.7, 1)), "seed": random.randrange(10**6)}


def _proxy_fault(random: Random) -> _Drawn:
    what = random.choice(("error", "cut", "lost", "lost"))
    return random.uniform(2, 15), {"what": what, "probability": random.choice((0.02, 0.05, 0.2))}


def _front_fault(random: Random) -> _Drawn:
    return random.uniform(2, 15), {
        "what": random.choice(("cut", "lost")),
        "probability": random.choice((0.1, 0.5)),
    }


TROUBLES: Mapping[str, Callable[[Random], _Drawn]] = {
    "kill_host": lambda random: (random.uniform(0, 5), {}),
    "replace_host": lambda random: (random.uniform(0, 5), {}),
    "freeze_host": lambda random: (random.uniform(1, 25), {}),
    "stop_azurite": lambda random: (random.choices((1, 3, 8, 30), (4, 4, 2, 1))[0], {}),
    "stop_batch": lambda random: (random.choices((1, 5, 20), (3, 2, 1))[0], {}),
    "batch_error": _batch_error,
    "batch_cut": _batch_cut,
    "batch_latency": _batch_latency,
    "batch_quota": _batch_quota,
    "late_counts": _late_counts,
    "storage_fault": _proxy_fault,
    "front_fault": _front_fault,
    "preempt": lambda random: (random.uniform(1, 10), {"nodes": random.randint(1, 2)}),
    "delete_progress_queue": lambda _: (0, {}),
    "repeat_messages": lambda random: (0, {"seed": random.randrange(10**6)}),
}

_WEIGHTS = {
    "kill_host": 8,
    "replace_host": 3,
    "stop_azurite": 3,
    "batch_error": 4,
    "batch_cut": 4,
    "storage_fault": 4,
    "repeat_messages": 4,
    "delete_progress_queue": 1,
    "batch_quota": 1,
}
