"""Errors of the Functions host.

HostError
├── ConfigurationError     host.json, local.settings.json, a setting or a binding is missing or invalid
│   └── RouteTemplateError the route of an HTTP function cannot be compiled
├── IndexingError          function_app.py cannot be imported, or one of its functions is invalid
├── SubscriptionError      an event subscription is invalid, or its webhook does not confirm it
├── FunctionError          a function raised an exception in the worker process
├── FunctionTimeoutError   an invocation exceeded the function timeout
└── WorkerLostError        the worker ended, or the host had to stop, during an invocation
"""


class HostError(Exception):
    """Base class of all errors that the Functions host raises."""


class ConfigurationError(HostError):
    """A file, a setting or a binding is missing or invalid. The message names it."""


class RouteTemplateError(ConfigurationError):
    """The route template of an HTTP function is invalid. None of the functions runs then, as in Azure."""


class IndexingError(HostError):
    """The function app cannot be indexed. None of its functions runs."""


class SubscriptionError(HostError):
    """An event subscription is invalid, or it cannot be started. The message says why."""


class FunctionError(HostError):
    """A function raised an exception in the worker process. The message is its traceback."""


class FunctionTimeoutError(HostError):
    """An invocation exceeded the function timeout."""


class WorkerLostError(HostError):
    """The worker ended, or the host had to stop, while an invocation was running."""
