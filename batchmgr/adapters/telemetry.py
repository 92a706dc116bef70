"""Telemetry to Azure Monitor, through OpenTelemetry, and the logs that are not worth sending."""

import logging

CHATTY_LOGGERS = ("azure.core.pipeline.policies.http_logging_policy", "azure.batch", "azure.identity")
"""Loggers of the Azure SDKs that write records for every single call; errors reach our own logs anyway."""


def start_telemetry(connection_string: str) -> None:
    """Export logs, traces and metrics to this Application Insights resource; nowhere if it is empty."""
    for name in CHATTY_LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)
    if not connection_string:
        return
    # Imported here: it costs half a second of a cold start, and only where it is used.
    from azure.monitor.opentelemetry import configure_azure_monitor

    configure_azure_monitor(connection_string=connection_string, logger_name="batchmgr")
