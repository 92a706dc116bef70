"""A ticket: the place of one job in the line of jobs that wait for the quota of active jobs.

Tickets compare, and their names sort, in the order in which the jobs are let in: by priority, then by turn,
then by age. Without a fair share every turn is 0. With one, the callers of one priority take turns: a job's
turn is one after that of its caller's last job in the line, or else that of the first job in it. So a caller
with one job waits for one job of each other caller, and not for all that they have sent before.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Self

from batchmgr.plan.ids import job_key

HIGHEST_PRIORITY = 1000
LAST_TURN = 999_999

_NAME = re.compile(r"(\d{4})/(\d{6})/(\d{8}T\d{12})/([a-z0-9_-]{1,64})(?:/([0-9a-f]{12}))?")


@dataclass(frozen=True, kw_only=True, order=True)
class Ticket:
    """The place of a job in the line.

    `rank` is 0 for the highest priority. `since` is when the job was created, `key` its id in lower case, and
    `caller` a hash of who has sent it, if there is a fair share.
    """

    rank: int
    turn: int
    since: str
    key: str
    caller: str = ""

    @property
    def name(self) -> str:
        """Return the ticket as a name, such as `1000/000000/20260101T120000000000/job-1`."""
        caller = f"/{self.caller}" if self.caller else ""
        return f"{self.rank:04}/{self.turn:06}/{self.since}/{self.key}{caller}"

    @classmethod
    def of(cls, name: str) -> Self | None:
        """Return the ticket of this name, or None."""
        match = _NAME.fullmatch(name)
        if match is None:
            return None
        rank, turn, since, key, caller = match.groups()
        return cls(rank=int(rank), turn=int(turn), since=since, key=key, caller=caller or "")


def new_ticket(
    *, job_id: str, priority: int, created_at: datetime, caller: str, line: Iterable[Ticket]
) -> Ticket:
    """Return a ticket for a job. The `line` is needed if there is a caller; else it may be empty."""
    rank = HIGHEST_PRIORITY - priority
    sender = sha256(caller.encode()).hexdigest()[:12] if caller else ""
    turn = 0
    if sender:
        same = [ticket for ticket in line if ticket.rank == rank]
        own = [ticket.turn + 1 for ticket in same if ticket.caller == sender]
        turn = min(max(own or [min((ticket.turn for ticket in same), default=0)]), LAST_TURN)
    since = f"{created_at:%Y%m%dT%H%M%S%f}"
    return Ticket(rank=rank, turn=turn, since=since, key=job_key(job_id), caller=sender)
