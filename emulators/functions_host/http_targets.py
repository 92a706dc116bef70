"""Request targets: the path and the query of a request, decoded and encoded as by the real host.

Source: Kestrel's path normalizer and ASP.NET Core's `PathString` and `QueryHelpers`,
https://github.com/dotnet/aspnetcore/tree/main/src/Http
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import quote, unquote_to_bytes, urlsplit

_ENCODED_SLASH = re.compile(r"%2f", re.IGNORECASE)
_ENCODED_RUN = re.compile(r"(?:%[0-9a-f]{2})+", re.IGNORECASE)
_ENCODED = re.compile(r"(%[0-9a-f]{2})", re.IGNORECASE)
_SAFE_IN_PATHS = "!$&'()*+,-./:;=@_~"


@dataclass(frozen=True, kw_only=True)
class RequestTarget:
    """The target of a request line."""

    path: str
    """The decoded path. Encoded slashes stay encoded, and dot segments are resolved."""
    query_string: str
    """The query with its question mark, as it was sent, or an empty text."""

    @classmethod
    def parse(cls, target: str) -> Self:
        """Parse a target. Raises ValueError if the path contains an encoded NUL."""
        path, mark, query = target.partition("?")
        if not path.startswith("/"):
            path = urlsplit(path).path
        decoded = _resolve_dot_segments(decode_path(path))
        if "\0" in decoded:
            raise ValueError("the path contains a NUL")
        return cls(path=decoded, query_string=mark + query)

    @property
    def query(self) -> "Query":
        """The parameters of the query."""
        return Query(self.query_string.removeprefix("?"))

    def url(self, host: str) -> str:
        """Return the URL that functions see."""
        return f"http://{host}{encode_path(self.path)}{self.query_string.replace('#', '%23')}"


class Query:
    """The parameters of a query. Their names are compared without regard to case."""

    def __init__(self, text: str) -> None:
        self._values: dict[str, tuple[str, list[str]]] = {}
        for pair in filter(None, text.split("&")):
            name, _, value = pair.partition("=")
            name, value = _unescape(name), _unescape(value)
            self._values.setdefault(name.lower(), (name, []))[1].append(value)

    def first(self, name: str) -> str | None:
        """Return the first value of a parameter, or None."""
        _, values = self._values.get(name.lower(), (name, []))
        return values[0] if values else None

    def joined(self) -> Mapping[str, str]:
        """Return the values by name. Repeated ones are joined with commas, empty ones are left out."""
        joined = {name: join_values(values) for name, values in self._values.values()}
        return {name: value for name, value in joined.items() if value}


def join_values(values: list[str]) -> str:
    """Join the values of a repeated header or parameter, without the empty ones."""
    return ",".join(filter(None, values))


def decode_path(path: str) -> str:
    """Decode a path. Encoded slashes, and bytes that are not UTF-8, stay encoded."""
    return "%2F".join(_ENCODED_RUN.sub(_decode_run, part) for part in _ENCODED_SLASH.split(path))


def encode_path(path: str) -> str:
    """Encode a decoded path for a URL. What looks encoded stays as it is."""
    return "".join(
        part if position % 2 else quote(part, safe=_SAFE_IN_PATHS)
        for position, part in enumerate(_ENCODED.split(path))
    )


def _unescape(text: str) -> str:
    return _ENCODED_RUN.sub(_decode_run, text.replace("+", " "))


def _decode_run(match: re.Match[str]) -> str:
    text = unquote_to_bytes(match[0]).decode("utf-8", "surrogateescape")
    return "".join(
        f"%{ord(letter) - 0xDC00:02X}" if "\udc80" <= letter <= "\udcff" else letter for letter in text
    )


def _resolve_dot_segments(path: str) -> str:
    """Resolve `.` and `..` as in RFC 3986, section 5.2.4."""
    if "/." not in path:
        return path
    resolved: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            del resolved[-1:]
        elif segment != ".":
            resolved.append(segment)
    if segments[-1] in (".", ".."):
        resolved.append("")
    return "/" + "/".join(resolved)
