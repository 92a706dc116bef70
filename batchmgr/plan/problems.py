"""The problems of one job, told together: who has sent it can mend them all before sending it again."""

from __future__ import annotations

from itertools import islice
from typing import Iterable, Iterator

from batchmgr.errors import InvalidJobError

MAX_PROBLEMS = 20
"""How many problems of a job are told. Whoever has more mends these first."""


def first_problems(problems: Iterable[InvalidJobError]) -> list[InvalidJobError]:
    """Return the first 20 problems, each once: many tasks of a factory may share one."""
    return list(islice(_once(problems), MAX_PROBLEMS))


def _once(problems: Iterable[InvalidJobError]) -> Iterator[InvalidJobError]:
    seen = set()
    for error in problems:
        for one in error.problems:
            if (one.field, one.reason) not in seen:
                seen.add((one.field, one.reason))
                yield one


def raise_problems(problems: Iterable[InvalidJobError]) -> None:
    """Raise the first 20 of these problems as one error, if there are any."""
    found = first_problems(problems)
    if found:
        raise InvalidJobError(found[0].reason, field=found[0].field, others=found[1:])
