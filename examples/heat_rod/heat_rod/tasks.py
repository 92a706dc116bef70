"""The task, which runs on the primary node: it does what `mpirun` does for a program with MPI."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from typing import TypedDict

from batchmgr import RetryableTaskError, WorkloadTask
from heat_rod.channel import connect
from heat_rod.rod import exact, initial, share, step

ROD_FILE = "rod.tsv"


class RodInputs(TypedDict):
    """How finely to cut the rod, how many steps to go, and the port on which the nodes listen."""

    cells: int
    steps: int
    port: int


class CoolRodTask(WorkloadTask[RodInputs]):
    """Lets the nodes of a multi-instance task cool a rod; without other nodes, does it alone.

    Writes `ROD_FILE`: of each cell its place, its temperature, and what that must be.
    """

    def run(self) -> None:
        """Raises `RetryableTaskError` when a node is lost."""
        hosts = self.context.environment.get("AZ_BATCH_HOST_LIST", "")
        cells = self._cool_on(hosts.split(",")) if hosts else self._cool_alone()
        expected = exact(self.inputs["cells"], self.inputs["steps"])
        with (self.context.working_directory / ROD_FILE).open("w", encoding="ascii") as file:
            file.write("x\ttemperature\texact\n")
            for number, pair in enumerate(zip(cells, expected), start=1):
                file.write(f"{number / (len(cells) + 1):.6f}\t{pair[0]!r}\t{pair[1]!r}\n")
        self.publish_result(
            {
                "nodes": len(hosts.split(",")) if hosts else 1,
                "hottest": max(cells),
                "largestError": max(abs(one - other) for one, other in zip(cells, expected)),
            }
        )

    def _cool_on(self, hosts: Sequence[str]) -> list[float]:
        try:
            return cool_on(hosts, self.inputs, self._tell)
        except OSError as error:
            raise RetryableTaskError(f"a node of {', '.join(hosts)} was lost: {error}") from error

    def _cool_alone(self) -> list[float]:
        cells = initial(self.inputs["cells"])
        for number in range(1, self.inputs["steps"] + 1):
            cells = step(cells, 0.0, 0.0)
            self._tell(number)
        return cells

    def _tell(self, number: int) -> None:
        self.report_progress(number / self.inputs["steps"], f"{number} steps")


def cool_on(hosts: Sequence[str], inputs: RodInputs, tell: Callable[[int], None]) -> list[float]:
    """Give each host its share of the rod, and gather what becomes of it. Raises `OSError`."""
    rod = initial(inputs["cells"])
    with ExitStack() as open_ends:
        ranks = [open_ends.enter_context(closing(connect(host, inputs["port"]))) for host in hosts]
        for rank, channel in enumerate(ranks):
            channel.send({"cells": share(rod, rank, len(ranks)), "steps": inputs["steps"]})
        cells: list[float] = []
        for channel in ranks:
            message = channel.receive()
            while "step" in message:
                tell(message["step"])
                message = channel.receive()
            cells += message["cells"]
        return cells
