"""Binding expressions are replaced by settings and binding data."""

import pytest

from functions_host.binding_expressions import bind_parameters, resolve_settings
from functions_host.errors import ConfigurationError


def test_settings_and_parameters_are_filled_in() -> None:
    assert resolve_settings("%A%-x-%B%", {"A": "1", "B": "2"}) == "1-x-2"
    with pytest.raises(ConfigurationError, match="%MISSING%"):
        resolve_settings("%MISSING%", {})
    assert bind_parameters("q-{Name}-{id}", {"name": "a", "ID": "7"}) == "q-a-7"
    with pytest.raises(ValueError, match="'other'"):
        bind_parameters("{other}", {"name": "a"})
