"""The time that the service takes for what it does itself: none, unless a simulation says otherwise."""

from collections.abc import Callable
from random import Random
from typing import TypeAlias

Draw: TypeAlias = Callable[[Random], float]
"""Draws seconds from a distribution."""


def _none(random: Random) -> float:
    return 0.0


class ServiceDelays:
    """Draws how long the next resize, boot of a node, or start of a task takes. All are in seconds.

    `resize` passes until the machines that a pool has asked for are there, `boot` until such a machine is up,
    before its start task runs, and `scheduling` from the choice of a node for a task until the task starts.
    """

    def __init__(
        self, *, resize: Draw = _none, boot: Draw = _none, scheduling: Draw = _none, seed: int = 0
    ) -> None:
        self._resize, self._boot, self._scheduling = resize, boot, scheduling
        self._resizes, self._boots, self._starts = (Random(f"{seed}/{name}") for name in ("r", "b", "s"))  # noqa: S311

    def resize_s(self) -> float:
        """Return the seconds that a resize waits for its machines."""
        return self._resize(self._resizes)

    def boot_s(self) -> float:
        """Return the seconds that a machine takes to boot."""
        return self._boot(self._boots)

    def scheduling_s(self) -> float:
        """Return the seconds between the choice of a node for a task and the start of the task."""
        return self._scheduling(self._starts)
