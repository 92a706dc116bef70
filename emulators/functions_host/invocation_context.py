"""The `context` argument of a function."""

import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

import azure.functions as func
from azure.functions._abc import RetryContext, RpcException, TraceContext


class InvocationContext(func.Context):
    """What a function with a `context` parameter can read about its invocation."""

    def __init__(self, *, name: str, directory: str, invocation_id: str, trace_parent: str | None) -> None:
        self._name = name
        self._directory = directory
        self._invocation_id = invocation_id
        self._local = threading.local()
        self._trace = InvocationTrace(parent=trace_parent or new_trace_parent())

    @property
    def invocation_id(self) -> str:
        """A UUID, new for each invocation."""
        return self._invocation_id

    @property
    def function_name(self) -> str:
        """The name of the function."""
        return self._name

    @property
    def function_directory(self) -> str:
        """The directory of the app."""
        return self._directory

    @property
    def thread_local_storage(self) -> threading.local:  # type: ignore[override]
        """Where the Functions library looks up the invocation id of log lines from other threads."""
        return self._local

    @property
    def trace_context(self) -> TraceContext:
        """The W3C trace context."""
        return self._trace

    @property
    def retry_context(self) -> RetryContext:
        """Always a first attempt, because this host has no retry policies."""
        return FirstAttempt()


@dataclass(frozen=True, kw_only=True)
class InvocationTrace(TraceContext):
    """The W3C trace context of one invocation."""

    parent: str
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def trace_parent(self) -> str:
        """The `traceparent` value."""
        return self.parent

    @property
    def trace_state(self) -> str:
        """The `tracestate` value. It is always empty."""
        return ""

    @property
    def attributes(self) -> dict[str, str]:
        """The attributes of the trace."""
        return dict(self.tags)


class FirstAttempt(RetryContext):
    """The retry context of an invocation without a retry policy."""

    @property
    def retry_count(self) -> int:
        """The number of retries so far."""
        return 0

    @property
    def max_retry_count(self) -> int:
        """The number of retries allowed."""
        return 0

    @property
    def exception(self) -> RpcException:
        """The exception that caused this retry. Raises AttributeError, because there is none."""
        raise AttributeError("a first attempt has no exception")


def new_trace_parent() -> str:
    """Return the `traceparent` of a new trace, for triggers that carry none."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
