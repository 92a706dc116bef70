"""Telemetry to Azure Monitor, through OpenTelemetry. Verbose loggers of the Azure SDKs are turned down."""

import logging

logger = logging.getLogger(__name__)

CHATTY_LOGGERS = ("azure.core.pipeline.policies.http_logging_policy", "azure.batch", "azure.identity")
"""Loggers that write several records for every call. batchmgr logs the errors of these calls itself."""


def start_telemetry(connection_string: str) -> None:
    """Export logs, traces and metrics to this Application Insights resource. Do nothing without one."""
    for name in CHATTY_LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)
    if not connection_string:
        return
    # Imported here, because it adds half a second to a cold start.
    from azure.monitor.opentelemetry import configure_azure_monitor

    try:
        configure_azure_monitor(connection_string=connection_string, logger_name="batchmgr")
    except Exception as error:  # jobs matter more
        kind = type(error).__name__  # its text may hold the key
        logger.error("APPLICATIONINSIGHTS_CONNECTION_STRING can't be used, and nothing is exported: %s", kind)
