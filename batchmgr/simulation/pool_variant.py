"""The pools that a job is tried on, and what is assumed of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from batchmgr.errors import SimulationError

_CORES = re.compile(r"(?:standard_|basic_)?[a-z]+(\d+)", re.IGNORECASE)
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class PoolVariant:
    """A pool: of fixed nodes, or scaled by a formula.

    `ready` are the seconds at which its nodes were ready, if it is the pool of an earlier job.
    """

    name: str
    dedicated: int = 0
    spot: int = 0
    slots: int = 1
    formula: str | None = None
    interval_s: float = 900.0
    eviction_rate: float = 0.0
    most_nodes: int | None = None
    ready: Sequence[float] | None = None

    @property
    def most_slots(self) -> int | None:
        """The most slots that the pool can have; None if a formula alone decides."""
        nodes = self.most_nodes if self.formula is not None else self.dedicated + self.spot
        return None if nodes is None else nodes * self.slots

    def as_json(self) -> dict[str, Any]:
        """Return the variant as a forecast takes it."""
        found: dict[str, Any] = {
            "name": self.name,
            "slots": self.slots,
            "evictionRate": self.eviction_rate,
        }
        if self.formula is None:
            found |= {"dedicated": self.dedicated, "spot": self.spot}
        else:
            found |= {"formula": self.formula, "intervalSeconds": self.interval_s}
        if self.most_nodes is not None:
            found["mostNodes"] = {"dedicated": self.most_nodes, "spot": self.most_nodes}
        if self.ready is not None:
            found["readySeconds"] = list(self.ready)
        return found


@dataclass(frozen=True, kw_only=True)
class Assumptions:
    """What nobody knows without a real pool, as distributions: see `durations.FORMS`.

    `resize` passes until Azure has the machines, `boot` until a machine is up, `start_task` until its start
    task has ended, and `scheduling` between the choice of a node for a task and the start of the task.
    """

    resize: str = "1m"
    boot: str = "lognormal(4m,0.5)"
    start_task: str = "0s"
    scheduling: str = "3s"

    def as_json(self) -> dict[str, str]:
        """Return the assumptions as a forecast takes them."""
        start = {} if self.start_task == "0s" else {"startTask": self.start_task}
        return {"resize": self.resize, "boot": self.boot, "scheduling": self.scheduling, **start}

    @property
    def shown(self) -> str:
        """The assumptions in words."""
        return (
            f"machines after {self.resize}, boot {self.boot}, start task {self.start_task}, "
            f"{self.scheduling} to start a task"
        )


def fixed_pool(nodes: int, *, spot_share: float, slots: int, eviction_rate: float) -> PoolVariant:
    """Return a pool of so many nodes, of which a share is spot."""
    spot = round(nodes * spot_share)
    name = f"{nodes} node{'s' if nodes != 1 else ''}"
    if spot:
        name += " spot" if spot == nodes else f", {spot} spot"
    return PoolVariant(
        name=name,
        dedicated=nodes - spot,
        spot=spot,
        slots=slots,
        eviction_rate=eviction_rate if spot else 0.0,
    )


def without_comments(formula: str) -> str:
    """Return a formula without its comments."""
    return _COMMENT.sub("", formula)


def quota_nodes(text: str, vm_size: str | None) -> int:
    """Return the most nodes of a kind by a quota such as `50` nodes or `200cores`. Raise SimulationError."""
    number, cores = (text.removesuffix("cores").strip(), text.endswith("cores"))
    if not number.isdecimal():
        raise SimulationError(f"--quota {text!r} is neither nodes, such as 50, nor cores, such as 200cores")
    if not cores:
        return int(number)
    if vm_size is None:
        raise SimulationError("--quota in cores needs --vm-size, to know how many cores a node has")
    return int(number) // cores_of(vm_size)


def cores_of(vm_size: str) -> int:
    """Return the cores that the name of a VM size says. Raise SimulationError."""
    match = _CORES.match(vm_size)
    if match is None or not int(match[1]):
        raise SimulationError(f"the name of the VM size {vm_size!r} does not say how many cores it has")
    return int(match[1])


def check_names(variants: Sequence[PoolVariant]) -> None:
    """Raise SimulationError if there is no variant, or two have the same name."""
    if not variants:
        raise SimulationError("on which pool? Say --nodes 1,10,50 or --formula FILE, or several of them")
    names = [variant.name for variant in variants]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise SimulationError(f"there are two pools named {twice!r}")
