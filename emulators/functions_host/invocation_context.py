"""The `context` argument of a function."""

import secrets
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

import azure.functions as func
from azure.functions._abc import RetryContext, RpcException, TraceContext


class InvocationContext(func.Context):
    """What a function that takes `context` learns about its invocation."""

    def __init__(self, *, name: str, directory: str, trace_parent: str | None) -> None:
        self._name = name
        self._directory = directory
        self._invocation_id = str(uuid.uuid4())
        self._local = threading.local()
        self._trace = Trace(parent=trace_parent or new_trace_parent())

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
        """Where the library's own logging of foreign threads looks for an invocation id."""
        return self._local

    @property
    def trace_context(self) -> TraceContext:
        """The W3C trace context."""
        return self._trace

    @property
    def retry_context(self) -> RetryContext:
        """Always the first attempt: this host has no retry policies."""
        return FirstAttempt()


@dataclass(frozen=True, kw_only=True)
class Trace(TraceContext):
    """W3C trace context of one invocation."""

    parent: str
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def trace_parent(self) -> str:
        """The `traceparent` value."""
        return self.parent

    @property
    def trace_state(self) -> str:
        """The `tracestate` value; this host has none."""
        return ""

    @property
    def attributes(self) -> dict[str, str]:
        """Attributes of the trace."""
        return dict(self.tags)


class FirstAttempt(RetryContext):
    """The retry context of an invocation without a retry policy."""

    @property
    def retry_count(self) -> int:
        """Retries so far."""
        return 0

    @property
    def max_retry_count(self) -> int:
        """Retries allowed."""
        return 0

    @property
    def exception(self) -> RpcException:
        """The failure that led to this retry."""
        raise AttributeError("a first attempt has no exception")


def new_trace_parent() -> str:
    """Start a new trace, as the host does for a trigger that carries none."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
