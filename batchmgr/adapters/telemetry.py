"""Who exports telemetry, and the start of the export. `docs/observability.md` explains the modes.

Each log record must leave the app once: from the Functions worker, from batchmgr, or from the host, to which
the worker forwards it. Whether the host drops what is forwarded depends on the same two settings.
"""

import logging
from dataclasses import dataclass, field
from enum import Enum

from batchmgr.telemetry_port import NoTelemetry, Telemetry

logger = logging.getLogger(__name__)

CHATTY_LOGGERS = ("azure.core.pipeline.policies.http_logging_policy", "azure.batch", "azure.identity")
"""Loggers that write several records for every call. batchmgr logs the errors of these calls itself."""

EXPORTERS = ("azure.monitor.opentelemetry", "opentelemetry")
"""Loggers that write a record for every transmission, which would be the next one to transmit."""


class Exporter(Enum):
    """Who exports the telemetry of the app."""

    HOST = "host"
    """The Functions host. It gets the logs from the worker, and has no spans and metrics of batchmgr."""

    WORKER = "worker"
    BATCHMGR = "batchmgr"


@dataclass(frozen=True, kw_only=True)
class TelemetryOptions:
    """Who exports, and where to. `role_name` is the app's name, if OpenTelemetry's settings have none."""

    exporter: Exporter = Exporter.HOST
    connection_string: str = field(default="", repr=False)
    has_otlp: bool = False
    """Whether there is an OTLP endpoint. Its exporter reads its own settings."""

    role_name: str = ""


def start_telemetry(options: TelemetryOptions) -> Telemetry:
    """Start what these options ask for, and return the port. Nothing is raised: jobs matter more.

    Call it once a process.
    """
    for name in CHATTY_LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)
    for name in EXPORTERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    if options.exporter is Exporter.HOST:
        if options.connection_string or options.has_otlp:
            logger.warning(
                "batchmgr exports no spans and metrics: set PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY or "
                "PYTHON_ENABLE_OPENTELEMETRY to true. The Functions host exports the logs"
            )
        return NoTelemetry()
    try:
        # Imported here, because OpenTelemetry adds to a cold start.
        from batchmgr.adapters.open_telemetry import OpenTelemetry, name_jobs_in_logs

        if options.exporter is Exporter.BATCHMGR:
            _export(options)
        elif not _is_configured():
            logger.error(
                "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY is true, but the Functions worker exports "
                "nothing: APPLICATIONINSIGHTS_CONNECTION_STRING is missing or wrong, or the worker is too old"
            )
        name_jobs_in_logs()
        return OpenTelemetry()
    except Exception as error:
        logger.error("telemetry can't be started, and nothing is exported: %s", type(error).__name__)
        return NoTelemetry()


def _export(options: TelemetryOptions) -> None:
    if _is_configured():
        logger.warning("telemetry is exported already: batchmgr leaves it as it is")
        return
    if not options.connection_string and not options.has_otlp:
        logger.error(
            "PYTHON_ENABLE_OPENTELEMETRY is true, but nothing says where telemetry goes: set "
            "APPLICATIONINSIGHTS_CONNECTION_STRING or OTEL_EXPORTER_OTLP_ENDPOINT"
        )
        return
    from batchmgr.adapters.telemetry_export import export_to_azure_monitor, export_to_otlp

    if options.connection_string:
        try:
            export_to_azure_monitor(options.connection_string, options.role_name, with_otlp=options.has_otlp)
        except Exception as error:
            kind = type(error).__name__  # its text may hold the key
            logger.error("APPLICATIONINSIGHTS_CONNECTION_STRING can't be used: %s", kind)
        else:
            return
    if options.has_otlp:
        export_to_otlp(options.role_name)


def _is_configured() -> bool:
    """Return whether somebody has set up OpenTelemetry's SDK in this process."""
    from opentelemetry import trace

    # The API's own proxy is there until then. A provider of the SDK has processors.
    return hasattr(trace.get_tracer_provider(), "add_span_processor")
