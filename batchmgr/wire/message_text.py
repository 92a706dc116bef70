"""The text of a queue message, as people send it: JSON, or JSON in base64.

Most clients send JSON as it is. Those that are made for Azure Functions send base64, and a client that
encodes by itself what a tool encodes too sends it twice. So the host decodes nothing (`messageEncoding` is
`none`), and this module does.
"""

import base64
import binascii

import msgspec

from batchmgr.errors import InvalidJobError

MOST_ENCODINGS = 2
FIRST_LETTERS = 24
"""How much of an unreadable message an error shows. A callback URI, which is a secret, would begin later."""

_MARK = b"\xef\xbb\xbf"
_SPACE = b" \t\r\n"
_EVENT_TYPE = ("eventType", "type")


def json_text(body: bytes) -> bytes:
    """Return the JSON in a queue message. Raise InvalidJobError if there is none; it shows the first letters.

    A byte order mark is left out. White space in base64 does not count, as in .NET; all else does.
    """
    text = body
    for _ in range(MOST_ENCODINGS + 1):
        text = without_mark(text)
        if _is_json(text):
            return text
        try:
            text = base64.b64decode(text.translate(None, _SPACE), validate=True)
        except binascii.Error:
            break
        if not text:
            break
    shown = body[:FIRST_LETTERS].decode(errors="replace")
    raise InvalidJobError(f"the message is neither JSON nor JSON in base64; it begins with {shown!r}")


def without_mark(text: bytes) -> bytes:
    """Return a text without the byte order mark that it may begin with."""
    return text.removeprefix(_MARK)


def event_grid_type(value: object) -> str:
    """Return the type of the storage event in an Event Grid envelope, of either schema; "" for anything else.

    >>> event_grid_type([{"eventType": "Microsoft.Storage.BlobCreated", "subject": "…", "data": {}}])
    'Microsoft.Storage.BlobCreated'
    """
    if isinstance(value, list) and value:
        value = value[0]
    if not isinstance(value, dict) or not {"subject", "data"} <= value.keys():
        return ""
    types = (value.get(name) for name in _EVENT_TYPE)
    return next((type_ for type_ in types if isinstance(type_, str) and type_.startswith("Microsoft.")), "")


def _is_json(text: bytes) -> bool:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True
