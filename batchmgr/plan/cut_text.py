"""The one place where texts are cut. A text that was cut says so.

Limits count the bytes that a text takes in JSON, without its quotes: `ü` takes two, a control character six.
"""

from __future__ import annotations

import json


def json_size(text: str) -> int:
    """Return how many bytes the text takes in JSON.

    >>> json_size("a"), json_size("ü"), json_size("\\x00")
    (1, 2, 6)
    """
    return len(json.dumps(text, ensure_ascii=False).encode(errors="replace")) - 2


def cut(text: str, limit: int) -> str:
    """Return the text, or its beginning and a mark, in at most `limit` bytes. `limit` is at least 64.

    Half characters (unpaired surrogates), which JSON can't hold, become question marks.

    >>> cut("short", 64)
    'short'
    >>> cut("a" * 500, 64)
    'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa… [cut from 500 characters]'
    """
    if _fits(text, limit):
        return _encodable(text)
    mark = f"… [cut from {len(text)} characters]"
    return _beginning(_encodable(text[:limit]), limit - json_size(mark)) + mark


def cut_front(text: str, limit: int) -> str:
    """Return the text, or a mark and its end, in at most `limit` bytes: for a traceback, or for stderr.

    >>> cut_front("a" * 500 + "end", 64)
    '[cut from 503 characters] …aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaend'
    """
    if _fits(text, limit):
        return _encodable(text)
    mark = f"[cut from {len(text)} characters] …"
    return mark + _beginning(_encodable(text[-limit:])[::-1], limit - json_size(mark))[::-1]


def _fits(text: str, limit: int) -> bool:
    return len(text) <= limit and (len(text) * 6 <= limit or json_size(text) <= limit)


def _beginning(text: str, limit: int) -> str:
    size = 0
    for place, character in enumerate(text):
        size += json_size(character)
        if size > limit:
            return text[:place]
    return text


def _encodable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="replace").decode()
    return text
