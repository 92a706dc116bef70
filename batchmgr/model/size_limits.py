"""How large the things may get that batchmgr writes. Sizes are bytes of JSON.

Texts of unknown length come from everywhere: messages, workloads, nodes, services. Each value that holds such
a text cuts it when it is made, so that an event always fits into a queue message, a record stays small, and
an answer ends. What does not fit is cut with a mark, or is kept in a file that is named.
"""

from collections.abc import Iterable, Mapping
from typing import TypeVar

import msgspec

from batchmgr.plan.cut_text import cut, cut_front

KIB = 1024
MAX_EVENT = 48 * KIB
"""An event is a queue message, which holds 64 KiB in base64."""

MAX_RECORD = 64 * KIB
"""A job record. It is loaded and saved many times, and a page of jobs loads hundreds of them. The lists of a
large outcome, and events on their way to the log, are in a blob beside it.
"""

MAX_OUTCOME = 256 * KIB
"""The outcome of a job: the body of the callback, and the answer about its result."""

MAX_JOB_ANSWER = 32 * KIB
"""What one job takes in an answer. A page of jobs has 500 at most."""

MAX_TASK_ANSWER = 4 * KIB
"""What one task takes in an answer. A page of tasks has 1,000 at most."""

MAX_PAGE = 4 * KIB * KIB
"""A page of tasks or events, and the preview of a plan."""

NAME = 200
"""A code, a type, a field."""

MESSAGE = 2 * KIB
TRACEBACK = 4 * KIB
STDERR = 8 * KIB

T = TypeVar("T")


def size_of(value: object) -> int:
    """Return how many bytes a value takes as JSON."""
    return len(msgspec.json.encode(value))


def cut_fields(struct: msgspec.Struct, limits: Mapping[str, int], tails: Mapping[str, int] = {}) -> None:
    """Cut the texts of a struct that is just being made. Of `tails`, the end is kept."""
    for cutting, fields in ((cut, limits), (cut_front, tails)):
        for name, limit in fields.items():
            text = getattr(struct, name)
            if text:
                msgspec.structs.force_setattr(struct, name, cutting(text, limit))


def first_fitting(items: Iterable[T], *, most: int, room: int) -> tuple[T, ...]:
    """Return the items that fit, in order: at most so many, in so many bytes. Too large ones are left out.

    >>> first_fitting(["aa", "a" * 50, "bb", "cc"], most=2, room=20)
    ('aa', 'bb')
    """
    kept: list[T] = []
    for item in items:
        size = size_of(item) + 1
        if len(kept) < most and size <= room:
            kept.append(item)
            room -= size
    return tuple(kept)


def fitted(data: dict[str, object], limit: int) -> dict[str, object]:
    """Return a JSON object in at most `limit` bytes: as it is, or with its long texts cut.

    If that does not help, because it has too many parts, only its short parts are left.
    """
    if size_of(data) <= limit:
        return data
    for longest in (MESSAGE, NAME, 64):
        shorter = {name: _with_short_texts(value, longest) for name, value in data.items()}
        if size_of(shorter) <= limit:
            return shorter
    small = {name: value for name, value in shorter.items() if size_of(value) <= NAME}
    return dict(list(small.items())[: limit // (2 * NAME)])


def portions(items: Iterable[T], limit: int) -> Iterable[list[T]]:
    """Yield the items in lists of about `limit` bytes each. A larger item is a list of its own.

    >>> list(portions(["aaaa", "bb", "cc", "dd"], 8))
    [['aaaa'], ['bb', 'cc'], ['dd']]
    """
    portion: list[T] = []
    size = 0
    for item in items:
        more = size_of(item)
        if portion and size + more > limit:
            yield portion
            portion, size = [], 0
        portion.append(item)
        size += more
    if portion:
        yield portion


def _with_short_texts(value: object, limit: int) -> object:
    if isinstance(value, str):
        return cut(value, limit)
    if isinstance(value, dict):
        return {name: _with_short_texts(one, limit) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_with_short_texts(one, limit) for one in value]
    return value
