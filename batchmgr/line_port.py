"""The port of the line: the jobs that wait for the quota of active jobs. `ports` has all ports together."""

from collections.abc import Sequence
from typing import Protocol

from batchmgr.model.ticket import Ticket

MOST_TICKETS = 5000
"""How many tickets one call finds."""


class Line(Protocol):
    """The tickets of the jobs that wait, in order. Nobody holds it: a process that dies leaves no lock."""

    async def join(self, ticket: Ticket) -> None:
        """Add a ticket. Do nothing if it is there."""
        ...

    async def leave(self, ticket: Ticket) -> None:
        """Remove a ticket. Do nothing if it is not there."""
        ...

    async def first(self, limit: int = MOST_TICKETS) -> Sequence[Ticket]:
        """Return the first tickets, in order: `limit` at most. It is one call."""
        ...
