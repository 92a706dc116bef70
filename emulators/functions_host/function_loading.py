"""Loads the functions of an app into a host: checks names, routes and bindings, and creates the triggers."""

import logging
import re
from collections.abc import Callable, Mapping, Sequence

from functions_host.admin_endpoints import AdminEndpoints
from functions_host.binding_expressions import resolve_bindings
from functions_host.errors import ConfigurationError, RouteTemplateError
from functions_host.function_metadata import Function
from functions_host.host_listeners import HostListeners
from functions_host.host_status import HostStatus
from functions_host.http_trigger import HttpFunctions

_NAME = re.compile(r"[a-z][a-z0-9_\-]{0,127}", re.IGNORECASE | re.ASCII)

_log = logging.getLogger(__name__)


class FunctionLoader:
    """Loads functions. What is wrong with one of them goes to the log and to the status of the host."""

    def __init__(
        self,
        *,
        status: HostStatus,
        http: HttpFunctions,
        listeners: HostListeners,
        admin: AdminEndpoints,
        environment: Mapping[str, str],
        check_outputs: Callable[[Function], None],
    ) -> None:
        self._status = status
        self._http = http
        self._listeners = listeners
        self._admin = admin
        self._environment = environment
        self._check_outputs = check_outputs

    def load(self, functions: Sequence[Function]) -> list[Function]:
        """Load functions in the order of their names. Return those that run.

        A function with an invalid name, route or binding is left out. A route that cannot be compiled, or two
        names that differ in case only, set the error of the host: then no function runs.
        """
        # The order of .NET's OrdinalIgnoreCase.
        in_order = sorted(functions, key=lambda function: function.name.upper())
        valid = [function for function in in_order if self._has_valid_name(function)]
        listed: dict[str, Function] = {}
        for function in valid:
            if (other := listed.get(function.name.lower())) is not None:
                self._fail(
                    f"the functions '{other.name}' and '{function.name}' have names that differ in case only"
                )
            listed[function.name.lower()] = function
        self._status.functions = listed
        return [] if self._status.error else [resolved for f in valid if (resolved := self._load(f))]

    def _has_valid_name(self, function: Function) -> bool:
        is_valid = _NAME.fullmatch(function.name) is not None and function.name.lower() != "host"
        if not is_valid:
            self._leave_out(function, f"'{function.name}' is not a valid function name")
        return is_valid

    def _load(self, function: Function) -> Function | None:
        is_disabled = is_function_disabled(function.name, self._environment)
        if is_disabled:
            self._status.disabled.add(function.name.lower())
            _log.info("The '%s' function is disabled", function.name)
        try:
            resolved = resolve_bindings(function, self._environment)
            self._check_outputs(resolved)
            if resolved.trigger.binding["type"] == "httpTrigger":
                self._http.add(resolved, is_disabled=is_disabled)
            else:
                self._admin.add(resolved, self._listeners.add(resolved, listen=not is_disabled))
        except RouteTemplateError as error:
            self._fail(str(error))
            return None
        except ConfigurationError as error:
            self._leave_out(function, str(error))
            return None
        return resolved

    def _leave_out(self, function: Function, error: str) -> None:
        self._status.function_errors.setdefault(function.name.lower(), []).append(error)
        _log.error("The '%s' function is in error: %s", function.name, error)

    def _fail(self, error: str) -> None:
        self._status.error = self._status.error or error
        _log.error("No function runs: %s", error)


def is_function_disabled(name: str, environment: Mapping[str, str]) -> bool:
    """Return whether the setting `AzureWebJobs.NAME.Disabled` is true or 1. `.` may be written as `_`."""
    setting = f"azurewebjobs.{name}.disabled".lower()
    values = {key.lower(): value for key, value in environment.items()}
    value = values.get(setting) or values.get(setting.replace(".", "_"), "")
    return value.strip().lower() in ("true", "1")
