"""Errors of the embedded host.

HostError
├── ConfigurationError     host.json, local.settings.json, a setting or a binding cannot be used
├── IndexingError          function_app.py cannot be imported, or one of its functions cannot be indexed
└── WorkerLostError        a function exceeded the timeout, and everything that ran beside it is lost with it
"""


class HostError(Exception):
    """The root of what the embedded host raises."""


class ConfigurationError(HostError):
    """A file, a setting or a binding cannot be used; the message names it."""


class IndexingError(HostError):
    """The function app cannot be indexed, so none of its functions runs."""


class WorkerLostError(HostError):
    """Running functions were given up: one exceeded the function timeout, or the host had to end."""
