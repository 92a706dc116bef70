"""Long polls: how long a request may wait for something to happen, and which version of a job it knows."""

import hashlib
import re
from dataclasses import dataclass
from datetime import timedelta

import azure.functions as func

from batchmgr.functions.http_responses import number

LONGEST_WAIT = 60
"""How many seconds a request waits at most."""

_PREFERENCE = re.compile(r'\s*([!#$%&\'*+.^_`|~0-9A-Za-z-]+)\s*(?:=\s*("(?:[^"\\]|\\.)*"|[^\s;,"]*))?')
_REST = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*")*')


@dataclass(frozen=True, kw_only=True)
class Wait:
    """How long a request waits, and the header that says so if it was asked for as a preference."""

    time: timedelta = timedelta(0)
    applied: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers of the answer. It is never kept: a browser would wait for its next version."""
        applied = {"Preference-Applied": self.applied} if self.applied else {}
        return {"Cache-Control": "no-store", **applied}


def wait_of(req: func.HttpRequest) -> Wait:
    """Return how long a request waits: `wait` in the query, or else `Prefer: wait=30` (RFC 7240).

    Raise InvalidQueryError for a `wait` out of range. A preference is no order: one that makes no sense is
    ignored, and a longer one than `LONGEST_WAIT` is shortened to it.
    """
    if "wait" in req.params:
        return Wait(time=timedelta(seconds=number(req, "wait", 0, least=0, most=LONGEST_WAIT)))
    preferred = preference(req.headers.get("prefer", ""), "wait")
    if not (preferred.isascii() and preferred.isdigit() and len(preferred) < 10):
        return Wait()
    seconds = min(int(preferred), LONGEST_WAIT)
    return Wait(time=timedelta(seconds=seconds), applied=f"wait={seconds}")


def preference(header: str, name: str) -> str:
    """Return the value of a preference in a `Prefer` header, or "". The first of several counts.

    >>> preference('respond-async, Wait="30"; foo="a, wait=1", wait=9', "wait")
    '30'
    """
    at = 0
    while at <= len(header):
        found = _PREFERENCE.match(header, at)
        if found is not None and found[1].lower() == name:
            return re.sub(r"\\(.)", r"\1", found[2][1:-1]) if (found[2] or "")[:1] == '"' else found[2] or ""
        rest = _REST.match(header, at)
        at = (rest.end() if rest else len(header)) + 1
    return ""


def etag_of(body: bytes) -> str:
    """Return the ETag of an answer: it is that of another one if and only if they are the same."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def knows(req: func.HttpRequest, etag: str) -> bool:
    """Return whether the request says in `If-None-Match` that it knows this version."""
    known = [one.strip().removeprefix("W/") for one in req.headers.get("if-none-match", "").split(",")]
    return etag in known or "*" in known
