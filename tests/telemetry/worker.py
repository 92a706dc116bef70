"""A process that does with telemetry what a Functions worker with batchmgr does, and ends.

The worker's own part follows azure-functions-runtime 1.3: with PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY it
configures Azure Monitor before it loads the app. A handler of its own forwards log records to the host: here
to the standard output.
"""

import asyncio
import logging
import os
import sys
from contextlib import suppress

from batchmgr.errors import BatchmgrError
from batchmgr.model.telemetry_names import JOBS_ENTERED, SUBMIT
from batchmgr.runtime import load_runtime


async def main() -> None:
    """Ask for the ports twice, then use the telemetry."""
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="forwarded: %(message)s")
    if (
        os.environ.get("PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY") == "true"
        and "OLD_WORKER" not in os.environ
    ):
        from azure.monitor.opentelemetry import configure_azure_monitor

        configure_azure_monitor(
            connection_string=os.environ["APPLICATIONINSIGHTS_CONNECTION_STRING"], logger_name=""
        )
    for _ in range(int(os.environ.get("APPS", "1"))):
        runtime = load_runtime(os.environ)
        for _ in range(2):
            with suppress(BatchmgrError):
                await runtime.ports()
    telemetry = runtime.telemetry
    assert telemetry is not None
    with telemetry.span(SUBMIT, job_id="job-1"):
        logging.getLogger("batchmgr.usecases.submit").info("the job is told of")
        logging.getLogger("genome_kmers").info("the workload is told of")
    telemetry.record(JOBS_ENTERED, 1)


asyncio.run(main())
