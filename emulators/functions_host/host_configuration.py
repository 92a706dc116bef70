"""The values of host.json as the real host sees them: flat, and with names whose case does not matter.

A setting such as `AzureFunctionsJobHost__extensions__queues__batchSize` replaces the value of host.json.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from functions_host.timespan import parse_timespan

_PREFIX = "azurefunctionsjobhost__"


class HostConfiguration:
    """Values by paths such as `extensions:queues:batchSize`."""

    def __init__(self, document: Mapping[str, Any], environment: Mapping[str, str]) -> None:
        self._values = {path.lower(): (path, value) for path, value in _flat(document)}
        for name, value in environment.items():
            if name.lower().startswith(_PREFIX):
                path = name[len(_PREFIX) :].replace("__", ":")
                self._values[path.lower()] = path, value

    def text(self, path: str) -> str | None:
        """Return a value as a text, or None if there is none."""
        _, value = self._values.get(path.lower(), (path, None))
        return None if value is None else str(value)

    def number(self, path: str, default: int, *, at_least: int = 0, at_most: int | None = None) -> int:
        """Return an integer. Raises ValueError if it is none, or is out of range."""
        text = self.text(path)
        if not text:
            return default
        try:
            number = int(text)
        except ValueError as error:
            raise ValueError(f"{path}: {text!r} is not a number") from error
        if number < at_least or (at_most is not None and number > at_most):
            limits = f"at least {at_least}" if at_most is None else f"between {at_least} and {at_most}"
            raise ValueError(f"{path} must be {limits}, not {number}")
        return number

    def timespan(self, path: str, default: str) -> Any:
        """Return a TimeSpan as a timedelta. Raises ValueError if it is none."""
        try:
            return parse_timespan(self.text(path) or default)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error

    def section(self, path: str) -> dict[str, str]:
        """Return the values below a path, by the rest of their paths."""
        start = f"{path}:".lower()
        return {
            full[len(start) :]: str(value)
            for lower, (full, value) in self._values.items()
            if lower.startswith(start) and value is not None
        }


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _flat(item, f"{path}:{name}" if path else name)
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from _flat(item, f"{path}:{position}")
    else:
        yield path, value
