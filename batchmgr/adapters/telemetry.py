"""Telemetry to Azure Monitor, through OpenTelemetry."""

import logging


def start_telemetry(connection_string: str) -> None:
    """Export logs, traces and metrics to the Application Insights resource of this connection string."""
    # Imported here: it costs half a second of a cold start, and only where it is used.
    from azure.monitor.opentelemetry import configure_azure_monitor

    configure_azure_monitor(connection_string=connection_string, logger_name="batchmgr")
    logging.getLogger("azure.core.pipeline.policies.http_logging_policy").setLevel(logging.WARNING)
