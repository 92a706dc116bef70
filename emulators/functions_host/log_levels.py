"""Log levels of host.json: the lowest level that is logged, by category.

Log lines of functions have the category `Function.NAME.User`, those of the host about a function
`Function.NAME`, and all others of the host `Host.General`.
Source: https://learn.microsoft.com/azure/azure-functions/configure-monitoring
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

_HOST_PACKAGE = "functions_host"
_LEVELS = {
    "trace": logging.NOTSET,
    "debug": logging.DEBUG,
    "information": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
    "none": logging.CRITICAL + 1,
}
_DEFAULT = "information"

_function: ContextVar[str | None] = ContextVar("function", default=None)


@contextmanager
def logging_for(function: str) -> Iterator[None]:
    """Within this context, log lines belong to a function."""
    token = _function.set(function)
    try:
        yield
    finally:
        _function.reset(token)


class LogLevelFilter(logging.Filter):
    """Lets the log lines through that the section `logging.logLevel` of host.json allows."""

    def __init__(self, levels: Mapping[str, str]) -> None:
        super().__init__()
        folded = {category.lower(): level.lower() for category, level in levels.items()}
        self._default = _LEVELS.get(folded.pop("default", _DEFAULT), logging.INFO)
        # The longest prefix of a category decides.
        self._levels = sorted(
            ((category, _LEVELS[level]) for category, level in folded.items() if level in _LEVELS),
            key=lambda entry: -len(entry[0]),
        )

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a line is logged."""
        category = _category(record).lower()
        for prefix, level in self._levels:
            if category.startswith(prefix):
                return record.levelno >= level
        return record.levelno >= self._default


def _category(record: logging.LogRecord) -> str:
    is_of_host = record.name.partition(".")[0] == _HOST_PACKAGE
    function = _function.get()
    if function is None:
        return "Host.General"
    return f"Function.{function}" if is_of_host else f"Function.{function}.User"
