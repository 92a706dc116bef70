"""Binding expressions: `%NAME%` from the settings at start, `{name}` from the trigger at each invocation."""

import re
from collections.abc import Mapping

from functions_host.errors import ConfigurationError

_SETTING = re.compile(r"%([^%]+)%")
_PARAMETER = re.compile(r"\{([^{}]+)\}")


def resolve_settings(text: str, settings: Mapping[str, str]) -> str:
    """Replace every `%NAME%` in `text`. Raises ConfigurationError for one that is not set."""

    def value_of(match: re.Match[str]) -> str:
        if (value := settings.get(match[1])) is None:
            raise ConfigurationError(f"'%{match[1]}%' does not resolve to a value")
        return value

    return _SETTING.sub(value_of, text)


def bind_parameters(text: str, values: Mapping[str, str]) -> str:
    """Replace every `{name}` in `text`, in any case. Raises ValueError for a name without a value."""
    folded = {name.lower(): value for name, value in values.items()}

    def value_of(match: re.Match[str]) -> str:
        if (value := folded.get(match[1].lower())) is None:
            raise ValueError(f"no value for named parameter '{match[1]}'")
        return value

    return _PARAMETER.sub(value_of, text)
