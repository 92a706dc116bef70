"""A report once a day. The day's report is also written if the host was off when it was due."""

import json
import logging
import os
from contextlib import suppress
from datetime import UTC, datetime

import azure.functions as func
from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import ContainerClient

STORAGE = "AzureWebJobsStorage"

app = func.FunctionApp()


@app.timer_trigger(arg_name="timer", schedule="%ReportSchedule%", use_monitor=True)
def write_report(timer: func.TimerRequest) -> None:
    """Write the report of today, and note whether it comes late."""
    now = datetime.now(UTC)
    if timer.past_due:
        logging.warning("The report comes late: the host was off when it was due")
    report = {"written": now.isoformat(), "late": timer.past_due}
    with ContainerClient.from_connection_string(os.environ[STORAGE], "reports") as container:
        with suppress(ResourceExistsError):
            container.create_container()
        container.upload_blob(f"{now:%Y-%m-%d}.json", json.dumps(report), overwrite=True)
