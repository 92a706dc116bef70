"""Telemetry that stays in memory."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from batchmgr.adapters.open_telemetry import OpenTelemetry
from batchmgr.model.telemetry_names import ERROR_TYPE, Metric
from batchmgr.telemetry_port import Attributes


class CheckedTelemetry(OpenTelemetry):
    """The real port. It lets a test fail if a metric has other attributes than those of its name."""

    def record(self, metric: Metric, value: float, attributes: Attributes | None = None) -> None:
        optional = {ERROR_TYPE}
        assert set(metric.attributes) - optional <= set(attributes or ()) <= set(metric.attributes), (
            metric.name
        )
        super().record(metric, value, attributes)


@dataclass
class MemoryTelemetry:
    """The real port, on the real SDK, with exporters in memory."""

    exporter: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)
    reader: InMemoryMetricReader = field(default_factory=InMemoryMetricReader)
    seconds: float = 0.0
    """The time, for the gauges."""

    def __post_init__(self) -> None:
        self.tracers = TracerProvider(shutdown_on_exit=False)
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        meters = MeterProvider([self.reader], shutdown_on_exit=False)
        self.port = CheckedTelemetry(self.tracers, meters, lambda: self.seconds)

    def spans(self) -> tuple[ReadableSpan, ...]:
        return self.exporter.get_finished_spans()

    def points(self, metric: Metric) -> list[Any]:
        """The data points of a metric since the last look."""
        return self.all_points().get(metric.name, [])

    def all_points(self) -> dict[str, list[Any]]:
        data = self.reader.get_metrics_data()
        found: dict[str, list[Any]] = {}
        for resource in data.resource_metrics if data else ():
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    found.setdefault(metric.name, []).extend(metric.data.data_points)
        return found


def trace_ids(spans: Iterable[ReadableSpan]) -> set[str]:
    return {f"{span.context.trace_id:032x}" for span in spans if span.context}


def parent_id(span: ReadableSpan) -> str:
    return f"{span.parent.span_id:016x}" if span.parent else ""


def span_id(span: ReadableSpan) -> str:
    assert span.context is not None
    return f"{span.context.span_id:016x}"
