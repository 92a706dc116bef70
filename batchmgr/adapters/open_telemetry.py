"""Telemetry by OpenTelemetry's API. Where it goes to is for others to say: see `adapters/telemetry.py`."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar

from opentelemetry import metrics, trace
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
)

from batchmgr.errors import RecordChangedError, ServiceError
from batchmgr.model.telemetry_names import (
    ERROR_TYPE,
    JOB_ID,
    METRICS,
    STATUS_CODE,
    Metric,
    MetricKind,
    SpanName,
)
from batchmgr.telemetry_port import Attributes

SCOPE = "batchmgr"

GAUGE_SECONDS = 300
"""How long a value of a gauge counts after it was seen: longer than from one poll to the next."""

_job: ContextVar[str] = ContextVar("batchmgr_job", default="")


class OpenTelemetry:
    """The Telemetry port."""

    def __init__(
        self,
        tracers: trace.TracerProvider | None = None,
        meters: metrics.MeterProvider | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tracer = trace.get_tracer(SCOPE, tracer_provider=tracers)
        meter = metrics.get_meter(SCOPE, meter_provider=meters)
        self._instruments = {metric: _Instrument(meter, metric, now) for metric in METRICS}

    @contextmanager
    def about(self, job_id: str) -> Iterator[None]:
        """Have all log records in this context name the job."""
        token = _job.set(job_id)
        try:
            yield
        finally:
            _job.reset(token)

    @contextmanager
    def span(
        self, name: SpanName, *, job_id: str = "", traceparent: str = "", attributes: Attributes | None = None
    ) -> Iterator[str]:
        """Open a span, and yield its `traceparent`."""
        try:
            span = self._start(name, job_id, traceparent, attributes)
        except Exception:
            span = trace.INVALID_SPAN
        with (
            self.about(job_id or _job.get()),
            # An exception's text may hold what nobody should read, so only its type is told.
            trace.use_span(span, record_exception=False, set_status_on_exception=False),
        ):
            try:
                yield _format(span.get_span_context()) or traceparent
            except RecordChangedError:
                raise  # normal: somebody else was first
            except BaseException as error:
                _fail(span, error)
                raise
            finally:
                with suppress(Exception):
                    span.end()

    def record(self, metric: Metric, value: float, attributes: Attributes | None = None) -> None:
        """Record a value."""
        with suppress(Exception):
            self._instruments[metric].record(value, attributes)

    def _start(self, name: SpanName, job_id: str, traceparent: str, attributes: Attributes | None) -> Span:
        parent, current = _parse(traceparent), trace.get_current_span().get_span_context()
        is_elsewhere = parent is not None and parent.trace_id != current.trace_id
        links = [Link(current)] if is_elsewhere and current.is_valid else []
        return self._tracer.start_span(
            name.name,
            context=trace.set_span_in_context(NonRecordingSpan(parent)) if parent and is_elsewhere else None,
            kind=SpanKind.CLIENT if name.is_call else SpanKind.INTERNAL,
            attributes={**({JOB_ID: job_id} if job_id else {}), **(attributes or {})},
            links=links,
        )


class _Instrument:
    """The instrument of one metric."""

    def __init__(self, meter: metrics.Meter, metric: Metric, now: Callable[[], float]) -> None:
        self.record: Callable[[float, Attributes | None], None]
        about = {"unit": metric.unit, "description": metric.description}
        match metric.kind:
            case MetricKind.COUNTER:
                self.record = meter.create_counter(metric.name, **about).add
            case MetricKind.GAUGE:
                gauge = _Gauge(now)
                meter.create_observable_gauge(metric.name, callbacks=[gauge.observe], **about)
                self.record = gauge.set
            case MetricKind.HISTOGRAM:
                self.record = meter.create_histogram(
                    metric.name, **about, explicit_bucket_boundaries_advisory=metric.buckets
                ).record


class _Gauge:
    """The newest values of a gauge, by their attributes.

    A process that no longer polls must not go on telling what it saw last: OpenTelemetry's own gauge would.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._newest: dict[tuple[tuple[str, str | int], ...], tuple[float, float]] = {}

    def set(self, value: float, attributes: Attributes | None = None) -> None:
        """Note a value."""
        self._newest[tuple(sorted((attributes or {}).items()))] = (value, self._now())

    def observe(self, options: metrics.CallbackOptions) -> Iterable[metrics.Observation]:
        """Yield the values that are not too old."""
        oldest = self._now() - GAUGE_SECONDS
        for attributes, (value, seen) in list(self._newest.items()):
            if seen >= oldest:
                yield metrics.Observation(value, dict(attributes))


def name_jobs_in_logs() -> None:
    """Give log records that are made in the context of a job an attribute with its id. Once is enough."""
    make = logging.getLogRecordFactory()
    if getattr(make, "names_jobs", False):
        return

    def made(*args: object, **options: object) -> logging.LogRecord:
        record = make(*args, **options)
        if job_id := _job.get():
            record.__dict__.setdefault(JOB_ID, job_id)
        return record

    made.names_jobs = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(made)


def _parse(traceparent: str) -> SpanContext | None:
    if not traceparent:
        return None
    _, trace_id, span_id, flags = traceparent.split("-")
    return SpanContext(
        int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16))
    )


def _format(context: SpanContext) -> str:
    if not context.is_valid:
        return ""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def _fail(span: Span, error: BaseException) -> None:
    span.set_attribute(ERROR_TYPE, type(error).__name__)
    if isinstance(error, ServiceError) and error.status:
        span.set_attribute(STATUS_CODE, error.status)
    span.set_status(Status(StatusCode.ERROR))
