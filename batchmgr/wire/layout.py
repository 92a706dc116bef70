"""The version of what is stored of jobs, and how what an earlier version has stored is read.

Each record, request, plan and note of the index begins with the number of the layout that it was written in;
a log has it in its metadata. What has no number is of layout 1, which is older than the numbers.

**A change that earlier versions can live with keeps the number**: a new field of a record, with a default,
that they may lose. Any other change raises `LAYOUT` by one, also a new field of a request, which they would
refuse. It adds a function to `UPGRADES`, which turns the JSON of the layout before into that of the new one.
Then an earlier version leaves the job alone, and says so.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from batchmgr.errors import NewerLayoutError

T = TypeVar("T")

LAYOUT = 1
FIRST = 1
FIELD = "layout"

Upgrade = Callable[[dict[str, Any]], dict[str, Any]]

UPGRADES: Mapping[int, Upgrade] = {}
"""What turns one stored JSON object of a layout into one of the next, by the number of the first.

There are records, requests, plans' last lines and notes: a function tells by their fields which it has.
"""

_MARK = re.compile(rb'\{"layout":(\d{1,9}),?')


def stamp(body: bytes) -> bytes:
    """Return the JSON of an object with the number of this layout before everything else."""
    comma = b"" if body == b"{}" else b","
    return b'{"layout":%d%s%s' % (LAYOUT, comma, body[1:])


def decode_stored(body: bytes, type_: type[T], what: str) -> T:
    """Return a value that was stored, by this version or an earlier one.

    Raise NewerLayoutError if a later one has stored it. It calls it `what`, such as `the record of job 'a'`.
    """
    found = _MARK.match(body)
    number = int(found[1]) if found else FIRST
    check_layout(number, what)
    if found:
        body = b"{" + body[found.end() :]
    if number == LAYOUT:
        return msgspec.json.decode(body, type=type_)
    value = msgspec.json.decode(body)
    for step in range(number, LAYOUT):
        value = UPGRADES[step](value)
    return msgspec.json.decode(msgspec.json.encode(value), type=type_)


def check_layout(number: int, what: str) -> None:
    """Raise NewerLayoutError if a layout is newer than this one."""
    if number > LAYOUT:
        raise NewerLayoutError(what, number, LAYOUT)
