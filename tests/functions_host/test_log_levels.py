"""The log levels of host.json."""

import logging

import pytest

from functions_host.log_levels import LogLevelFilter, logging_for


def is_logged(levels: dict[str, str], logger: str, level: int, function: str | None = None) -> bool:
    record = logging.LogRecord(logger, level, "", 0, "", (), None)
    if function is None:
        return LogLevelFilter(levels).filter(record)
    with logging_for(function):
        return LogLevelFilter(levels).filter(record)


@pytest.mark.parametrize(
    ("levels", "logger", "level", "function", "logged"),
    [
        ({}, "functions_host.x", logging.INFO, None, True),
        ({}, "app", logging.DEBUG, "f", False),
        ({"default": "Warning"}, "functions_host.x", logging.INFO, None, False),
        ({"default": "Warning"}, "app", logging.WARNING, "f", True),
        ({"default": "Warning", "Function": "Information"}, "app", logging.INFO, "f", True),
        ({"Function": "Error"}, "app", logging.WARNING, "f", False),
        ({"Function": "Error"}, "functions_host.invocation", logging.INFO, "f", False),
        ({"Function": "Error"}, "functions_host.x", logging.INFO, None, True),
        ({"Function": "Error", "Function.f": "Information"}, "app", logging.INFO, "f", True),
        ({"Function": "Error", "Function.f": "Information"}, "app", logging.INFO, "g", False),
        ({"Function.f.User": "None"}, "app", logging.CRITICAL, "f", False),
        ({"Function.f.User": "None"}, "functions_host.invocation", logging.INFO, "f", True),
        ({"FUNCTION.F": "error"}, "app", logging.INFO, "f", False),
        ({"Host": "Error"}, "functions_host.x", logging.INFO, None, False),
        ({"default": "nonsense"}, "app", logging.INFO, "f", True),
    ],
)
def test_the_longest_category_decides(
    levels: dict[str, str], logger: str, level: int, function: str | None, logged: bool
) -> None:
    assert is_logged(levels, logger, level, function) is logged
