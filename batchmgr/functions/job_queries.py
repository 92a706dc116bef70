"""What the query of a list says: which jobs are asked for, and which fields of each item."""

from collections.abc import Collection
from datetime import datetime

import azure.functions as func

from batchmgr.errors import InvalidQueryError
from batchmgr.model.job_query import JobQuery
from batchmgr.model.job_states import JobState

FILTERS = ("state", "workload", "prefix", "since", "until", "select")
METADATA = "metadata."
ACTIVE = frozenset(state for state in JobState if not state.is_final)
STATES = {
    **{state.value: frozenset({state}) for state in JobState},
    "active": ACTIVE,
    "ended": frozenset(JobState) - ACTIVE,
}
"""The words for states, and which they mean."""


def job_query(req: func.HttpRequest) -> JobQuery:
    """Return which jobs a request asks for. Raise InvalidQueryError."""
    return JobQuery(
        states=frozenset().union(*(STATES[word] for word in words(req, "state", STATES) or STATES)),
        workload=req.params.get("workload"),
        prefix=req.params.get("prefix", ""),
        metadata={
            name.removeprefix(METADATA): text for name, text in req.params.items() if is_metadata(name)
        },
        since=_time(req, "since"),
        until=_time(req, "until"),
    )


def is_metadata(name: str) -> bool:
    """Return whether a parameter asks for a value in the metadata of jobs, such as `metadata.user`."""
    return name.startswith(METADATA)


def words(req: func.HttpRequest, name: str, known: Collection[str]) -> tuple[str, ...]:
    """Return the words of a parameter, between commas. Raise InvalidQueryError for one that is not known."""
    found = tuple(word.strip() for word in req.params.get(name, "").split(",") if word.strip())
    if any(word not in known for word in found):
        raise InvalidQueryError(f"must be some of {', '.join(known)}, between commas", name=name)
    return found


def selected(req: func.HttpRequest, fields: Collection[str]) -> tuple[str, ...]:
    """Return the fields of each item that are asked for; none for all. Raise InvalidQueryError."""
    return words(req, "select", fields)


def _time(req: func.HttpRequest, name: str) -> datetime | None:
    text = req.params.get(name, "")
    if not text:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = datetime.min
    if time.tzinfo is None:
        raise InvalidQueryError("must be a time such as 2026-11-28T09:00:00Z", name=name)
    return time
