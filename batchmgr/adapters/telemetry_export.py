"""The export by OpenTelemetry's SDK: to Azure Monitor, to an OTLP endpoint, or to both.

All loggers are exported, not only batchmgr's: while batchmgr exports, the Functions host drops the logs that
it gets from the worker, so those of workloads and of the Azure SDKs would be lost.
"""

import logging
from typing import Any

from azure.core.settings import settings
from azure.monitor.opentelemetry import configure_azure_monitor
from opentelemetry import metrics, trace
from opentelemetry._logs import set_logger_provider
from opentelemetry.instrumentation.logging.handler import LoggingHandler
from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

logger = logging.getLogger(__name__)


def export_to_azure_monitor(connection_string: str, role_name: str, *, with_otlp: bool) -> None:
    """Export to this Application Insights resource, and to the OTLP endpoint. Raise for a wrong string."""
    parts = _otlp_parts() if with_otlp else None
    options: dict[str, Any] = {}
    if parts is not None:
        spans, logs, readings = parts
        options = {"span_processors": [spans], "log_record_processors": [logs], "metric_readers": [readings]}
    configure_azure_monitor(
        connection_string=connection_string,
        logger_name="",
        resource=_resource(role_name),
        enable_live_metrics=False,  # it asks the service every five seconds
        **options,
    )
    _let_information_pass()


def export_to_otlp(role_name: str) -> None:
    """Export to the endpoint in OpenTelemetry's own settings, such as OTEL_EXPORTER_OTLP_ENDPOINT."""
    parts = _otlp_parts()
    if parts is None:
        return
    spans, logs, readings = parts
    resource = Resource.create(_resource(role_name).attributes)
    meters = MeterProvider([readings], resource=resource)
    metrics.set_meter_provider(meters)
    tracers = TracerProvider(resource=resource)
    tracers.add_span_processor(spans)
    trace.set_tracer_provider(tracers)
    loggers = LoggerProvider(resource=resource)
    loggers.add_log_record_processor(logs)
    set_logger_provider(loggers)
    logging.getLogger().addHandler(LoggingHandler(logger_provider=loggers))
    settings.tracing_enabled = True  # the calls of the Azure SDKs
    _let_information_pass()


def _otlp_parts() -> tuple[SpanProcessor, LogRecordProcessor, MetricReader] | None:
    try:
        from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError:
        logger.error(
            "nothing is exported to the OTLP endpoint: add opentelemetry-exporter-otlp-proto-http to "
            "requirements.txt"
        )
        return None
    return (
        BatchSpanProcessor(OTLPSpanExporter()),
        BatchLogRecordProcessor(OTLPLogExporter()),
        PeriodicExportingMetricReader(OTLPMetricExporter()),
    )


def _resource(role_name: str) -> Resource:
    """Return the name of the app as an attribute, unless OpenTelemetry's own settings name it."""
    named = SERVICE_NAME in OTELResourceDetector().detect().attributes
    return Resource({} if named else {SERVICE_NAME: role_name})


def _let_information_pass() -> None:
    """Have batchmgr's log records of level INFO made, whatever the level of other loggers is."""
    own = logging.getLogger("batchmgr")
    if own.getEffectiveLevel() > logging.INFO:
        own.setLevel(logging.INFO)
