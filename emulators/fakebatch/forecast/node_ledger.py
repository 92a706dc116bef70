"""The ledger of a forecast: for how long each node was there, booted, worked, and worked for nothing."""

from collections.abc import Iterable
from dataclasses import dataclass

from fakebatch.model.node_entity import NodeEntity
from fakebatch.wire import timestamps

_BOOTING = ("starting", "waitingforstarttask", "rebooting", "reimaging")
_WITHOUT_MACHINE = ("preempted", "deallocated")


@dataclass(slots=True)
class NodeTime:
    """The time of one node, in ticks, without what is still going on.

    It is `held` while it has a machine. `used` and `lost` are shares of the node: a task on one of four slots
    uses a quarter. Lost are the runs that did not complete their task. The rest of `held` is idle.
    """

    dedicated: bool
    held: int = 0
    boot: int = 0
    used: float = 0.0
    lost: float = 0.0
    held_since: int | None = None
    boot_since: int | None = None


class NodeLedger:
    """Follows the nodes of a pool from `begin` on, which is a time in ticks."""

    def __init__(self) -> None:
        self.nodes: dict[str, NodeTime] = {}
        self.machines = 0
        self.peak = 0

    def begin(self, now: int) -> None:
        """Forget the time before."""
        for entry in self.nodes.values():
            entry.held = entry.boot = 0
            entry.held_since = None if entry.held_since is None else now
            entry.boot_since = None if entry.boot_since is None else now
        self.peak = self.machines

    def changed(self, node: NodeEntity, now: int) -> bool:
        """Note the new value of a node. Return whether it has got or lost its machine, or has booted."""
        entry = self.nodes.get(node.id)
        if entry is None:
            entry = self.nodes[node.id] = NodeTime(node.dedicated)
        is_held, is_booting = node.phase not in _WITHOUT_MACHINE, node.phase in _BOOTING
        if is_held == (entry.held_since is not None) and is_booting == (entry.boot_since is not None):
            return False
        self._switch(entry, now, is_held=is_held, is_booting=is_booting)
        return True

    def gone(self, node_id: str, now: int) -> None:
        """Note that a node has left its pool."""
        self._switch(self.nodes[node_id], now, is_held=False, is_booting=False)

    def end(self, now: int) -> None:
        """Close all entries."""
        for entry in self.nodes.values():
            self._switch(entry, now, is_held=False, is_booting=False)

    def totals(self, *, dedicated: bool) -> dict[str, float]:
        """Return the node seconds of all dedicated or of all spot nodes, by what they were for."""
        entries = [entry for entry in self.nodes.values() if entry.dedicated == dedicated]
        boot, used, lost, held = (
            _seconds(getattr(entry, name) for entry in entries) for name in ("boot", "used", "lost", "held")
        )
        return {"held": held, "boot": boot, "used": used, "lost": lost, "idle": held - boot - used - lost}

    def _switch(self, entry: NodeTime, now: int, *, is_held: bool, is_booting: bool) -> None:
        if entry.held_since is not None:
            entry.held += now - entry.held_since
        if entry.boot_since is not None:
            entry.boot += now - entry.boot_since
        self.machines += is_held - (entry.held_since is not None)
        self.peak = max(self.peak, self.machines)
        entry.held_since = now if is_held else None
        entry.boot_since = now if is_booting else None


def _seconds(ticks: Iterable[float]) -> float:
    return sum(ticks) / timestamps.PER_SECOND
