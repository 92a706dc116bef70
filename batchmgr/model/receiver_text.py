"""What a receiver has answered, without the secret that its URI is.

Receivers and proxies before them like to repeat the URI: whole, cut off, decoded, or in HTML or JSON. So the
text is decoded first, and then everything is left out that has a few characters in a row with the URI's path
and query. A receiver that wants to tell its own secret still can: it has it.
"""

import re
import string
from html import unescape
from urllib.parse import unquote

from batchmgr.plan.cut_text import cut

MAX_TEXT = 500
"""How many characters of a receiver's answer are shown."""

SHARED = 8
"""How many characters in a row give away a part of the URI."""

SHORT = 4
"""Shorter parts of the URI than that are no secret: they would be guessed."""

_AFTER_HOST = re.compile(r"[/?#].*", re.DOTALL)
_ESCAPE = re.compile(r"\\u00([0-9a-fA-F]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_SEPARATORS = re.compile(r"[/?&;#]")
_FOLD = str.maketrans(string.ascii_uppercase + "+", string.ascii_lowercase + " ")


def receiver_text(text: str, uri: str) -> str:
    """Return a receiver's text in one line, without parts of the URI's path and query.

    >>> receiver_text("Cannot POST /run/4f9c?code=Zm9v", "https://a.example/run/4f9c?code=Zm9v")
    'Cannot POST …'
    """
    found = _AFTER_HOST.search(uri.partition("://")[2])
    secret = _decoded(found[0] if found else "")
    plain = _CONTROL.sub(" ", _decoded(text)).strip()
    return cut(_without(plain, secret.translate(_FOLD)), MAX_TEXT)


def _decoded(text: str) -> str:
    """Return the text without the escapes of URLs, HTML and JSON, however often it was escaped."""
    for _ in range(4):
        once = unescape(unquote(text)).replace("\\/", "/")
        once = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), once)
        if once == text:
            break
        text = once
    return text


def _without(text: str, secret: str) -> str:
    folded = text.translate(_FOLD)
    grams = {secret[at : at + SHARED] for at in range(len(secret) - SHARED + 1)}
    found = [(at, SHARED) for at in range(len(folded)) if folded[at : at + SHARED] in grams]
    for component in _SEPARATORS.split(secret):
        name, equals, value = component.partition("=")
        part = value if equals else name
        if SHORT <= len(part) <= SHARED:
            found += [(match.start(), len(part)) for match in re.finditer(re.escape(part), folded)]
    hidden = bytearray(len(text))
    for at, length in found:
        hidden[at : at + length] = b"\x01" * len(hidden[at : at + length])
    shown = "".join("\0" if hide else char for char, hide in zip(text, hidden, strict=True))
    return re.sub("\0+", "…", shown)
