"""Binding expressions: `%NAME%` stands for a setting, `{name}` for binding data of an invocation."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from functions_host.errors import ConfigurationError
from functions_host.function_metadata import BoundParameter, Function

_SETTING = re.compile(r"%([^%]+)%")
_PARAMETER = re.compile(r"\{([^{}]+)\}")
_RESOLVED_PROPERTIES = ("queueName", "path", "schedule")
_SUPPORTED_OUTPUTS = ("http", "queue")


def resolve_settings(text: str, settings: Mapping[str, str]) -> str:
    """Replace each `%NAME%` in `text`. Raises ConfigurationError if a setting is missing."""

    def value_of(match: re.Match[str]) -> str:
        if (value := settings.get(match[1])) is None:
            raise ConfigurationError(f"'%{match[1]}%' does not resolve to a value")
        return value

    return _SETTING.sub(value_of, text)


def resolve_bindings(function: Function, settings: Mapping[str, str]) -> Function:
    """Return the function with the `%NAME%` expressions of its bindings replaced.

    Raises ConfigurationError for a setting that is missing or an output that is not supported.
    """

    def resolved(parameter: BoundParameter) -> BoundParameter:
        binding: dict[str, Any] = {
            name: resolve_settings(value, settings) if name in _RESOLVED_PROPERTIES else value
            for name, value in parameter.binding.items()
        }
        return replace(parameter, binding=binding)

    for output in function.results:
        if output.binding["type"] not in _SUPPORTED_OUTPUTS:
            raise ConfigurationError(f"output bindings of type '{output.binding['type']}' are not supported")
    return replace(
        function,
        trigger=resolved(function.trigger),
        outputs=tuple(resolved(output) for output in function.outputs),
        returns=resolved(function.returns) if function.returns else None,
    )


def bind_parameters(text: str, binding_data: Mapping[str, str]) -> str:
    """Replace each `{name}` in `text`, whatever its case. Raises ValueError for a name without a value."""
    folded = {name.lower(): value for name, value in binding_data.items()}

    def value_of(match: re.Match[str]) -> str:
        if (value := folded.get(match[1].lower())) is None:
            raise ValueError(f"no value for named parameter '{match[1]}'")
        return value

    return _PARAMETER.sub(value_of, text)
