"""The port of telemetry: spans and metrics of what batchmgr does. `model/telemetry_names` has their names.

Telemetry never raises, and never waits: jobs matter more.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from batchmgr.model.telemetry_names import Metric, SpanName

Attributes = Mapping[str, str | int]


class Telemetry(Protocol):
    """Where spans and metrics go."""

    def about(self, job_id: str) -> AbstractContextManager[None]:
        """Have all log records in this context name the job."""
        ...

    def span(
        self, name: SpanName, *, job_id: str = "", traceparent: str = "", attributes: Attributes | None = None
    ) -> AbstractContextManager[str]:
        """Open a span in the trace of `traceparent`, and yield the `traceparent` for what follows from it.

        Work that begins in another trace, such as that of a poll, is linked to it. Without a `traceparent`
        the span is in the current trace. Log records in this context name the job.
        """
        ...

    def record(self, metric: Metric, value: float, attributes: Attributes | None = None) -> None:
        """Record a value of a metric: what a counter rises by, or what a gauge or a histogram measures."""
        ...


class NoTelemetry:
    """Telemetry that goes nowhere. The caller's `traceparent` still reaches tasks, events and callback."""

    @contextmanager
    def about(self, job_id: str) -> Iterator[None]:
        """Do nothing."""
        yield

    @contextmanager
    def span(
        self, name: SpanName, *, job_id: str = "", traceparent: str = "", attributes: Attributes | None = None
    ) -> Iterator[str]:
        """Yield the `traceparent` as it is."""
        yield traceparent

    def record(self, metric: Metric, value: float, attributes: Attributes | None = None) -> None:
        """Do nothing."""
