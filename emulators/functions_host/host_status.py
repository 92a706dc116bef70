"""What a host knows of itself: its functions, their errors, and the error that keeps it from running."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from functions_host.function_metadata import Function
from functions_host.unhandled_errors import UnhandledErrors

REPRODUCED_VERSION = "4.1037.0"
"""The version of the real host that this one behaves like. It is reported as this host's own."""


def offline_status() -> dict[str, Any]:
    """Return the document of `/admin/host/status` while an app is offline."""
    return {"state": "Offline", "version": f"{REPRODUCED_VERSION}.0", "versionDetails": REPRODUCED_VERSION}


@dataclass(kw_only=True)
class HostStatus:
    """The state of one host."""

    host_id: str
    extension_bundle: Mapping[str, str] | None = None
    """The `id` and `version` of the extension bundle in host.json."""
    error: str | None = None
    """What keeps all functions from running, or None."""
    functions: dict[str, Function] | None = field(default_factory=dict)
    """The functions by name in lower case, in the order of their names. None if host.json is invalid."""
    disabled: set[str] = field(default_factory=set)
    """The disabled functions, by their names in lower case."""
    function_errors: dict[str, list[str]] = field(default_factory=dict)
    """The errors of functions that do not run, by their names in lower case."""
    unhandled: UnhandledErrors = field(default_factory=UnhandledErrors)
    """The errors that ended a listener."""
    started: float = field(default_factory=time.monotonic)

    @property
    def state(self) -> str:
        """`Running` or `Error`."""
        return "Error" if self.error else "Running"

    def as_json(self) -> dict[str, Any]:
        """Return the document of `/admin/host/status`. Errors of single functions are not in it."""
        document: dict[str, Any] = {
            "id": self.host_id,
            "state": self.state,
            "version": f"{REPRODUCED_VERSION}.0",
            "versionDetails": REPRODUCED_VERSION,
            "platformVersion": "",
            "instanceId": "",
            "computerName": "",
            "processUptime": int((time.monotonic() - self.started) * 1000),
            "functionAppContentEditingState": "Unknown",
        }
        if self.extension_bundle is not None:
            document["extensionBundle"] = dict(self.extension_bundle)
        if errors := [*([self.error] if self.error else ()), *self.unhandled.messages]:
            document["errors"] = errors
        return document
