"""The task. It runs on the primary node and does what `mpirun` does for an MPI program."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from typing import TypedDict

from batchmgr import RetryableTaskError, WorkloadTask
from heat_rod.channel import connect
from heat_rod.rod import exact, initial, share, step

ROD_FILE = "rod.tsv"


class RodInputs(TypedDict):
    """The number of cells, the number of steps, and the port on which the nodes listen."""

    cells: int
    steps: int
    port: int


class CoolRodTask(WorkloadTask[RodInputs]):
    """Cools a rod on all nodes of a multi-instance task, or alone if there are no other nodes.

    Writes `ROD_FILE`: the place, the temperature and the exact temperature of each cell.
    """

    def run(self) -> None:
        """Cool the rod. Raise `RetryableTaskError` if a node is lost."""
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
            return cool_on(hosts, self.inputs, self._report)
        except OSError as error:
            raise RetryableTaskError(f"a node of {', '.join(hosts)} was lost: {error}") from error

    def _cool_alone(self) -> list[float]:
        cells = initial(self.inputs["cells"])
        for number in range(1, self.inputs["steps"] + 1):
            cells = step(cells, 0.0, 0.0)
            self._report(number)
        return cells

    def _report(self, number: int) -> None:
        self.report_progress(number / self.inputs["steps"], f"{number} steps")


def cool_on(hosts: Sequence[str], inputs: RodInputs, report: Callable[[int], None]) -> list[float]:
    """Send each host its part of the rod and return all cells. Raise `OSError` if a host is lost."""
    rod = initial(inputs["cells"])
    with ExitStack() as open_ends:
        ranks = [open_ends.enter_context(closing(connect(host, inputs["port"]))) for host in hosts]
        for rank, channel in enumerate(ranks):
            channel.send({"cells": share(rod, rank, len(ranks)), "steps": inputs["steps"]})
        cells: list[float] = []
        for channel in ranks:
            message = channel.receive()
            while "step" in message:
                report(message["step"])
                message = channel.receive()
            cells += message["cells"]
        return cells
