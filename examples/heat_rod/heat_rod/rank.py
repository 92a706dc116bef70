"""The process that the coordination command starts on each node: `python3 -m heat_rod.rank PORT`.

A rank computes its part of the rod. At each step it sends the cells at its borders to its neighbours.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack, closing

from heat_rod.channel import Channel, accept, connect, find_rank
from heat_rod.rod import step

PROGRESS_REPORTS = 20


def serve(hosts: Sequence[str], port: int) -> None:
    """Wait for work from the primary, do it, and send the cells to the primary."""
    rank, server = find_rank(hosts, port)
    with ExitStack() as open_ends:
        open_ends.enter_context(server)
        # The primary connects to all nodes before it sends work to any, so its connection is the first.
        primary = open_ends.enter_context(closing(accept(server)))
        work = primary.receive()
        right = left = None
        if rank + 1 < len(hosts):
            right = open_ends.enter_context(closing(connect(hosts[rank + 1], port)))
        if rank:
            left = open_ends.enter_context(closing(accept(server)))
        cells = work["cells"]
        for number in range(1, work["steps"] + 1):
            cells = step(cells, *_exchange(cells, left, right))
            if not rank and number % max(1, work["steps"] // PROGRESS_REPORTS) == 0:
                primary.send({"step": number})
        primary.send({"cells": cells})


def _exchange(cells: Sequence[float], left: Channel | None, right: Channel | None) -> tuple[float, float]:
    """Return the cells to the left and right: those of the neighbours, or 0 at the ends of the rod."""
    if left:
        left.send(cells[0])
    if right:
        right.send(cells[-1])
    return (left.receive() if left else 0.0), (right.receive() if right else 0.0)


if __name__ == "__main__":
    serve(os.environ["AZ_BATCH_HOST_LIST"].split(","), int(sys.argv[1]))
