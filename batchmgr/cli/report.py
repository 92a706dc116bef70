"""`batchmgr report`: the page of a job with its data inside, as one HTML file that outlives the app."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from batchmgr.cli.app_command import JobId, Last, calls_app, chosen_job
from batchmgr.cli.arguments import option
from batchmgr.cli.simulate.read_result import read_result
from batchmgr.client.calls import job_path
from batchmgr.client.sync_client import Client
from batchmgr.dashboard.page import report_page
from batchmgr.errors import AppError

PARTS = ("timeline", "failures", "result", "usage")
"""What the page shows of a job besides itself, by its addresses."""

MOST_TASKS = 50
"""How many failed tasks are in the report in full."""


@calls_app
def run(
    app: Client,
    job: JobId = None,
    last: Last = False,
    to: Annotated[
        Path | None, option("--to", metavar="FILE", text="write it into this file (default: print it)")
    ] = None,
    prediction: Annotated[
        Path | None,
        option(
            "--prediction",
            metavar="FILE",
            text="lay a simulation over the job: what `batchmgr simulate -o json` has printed",
        ),
    ] = None,
) -> int:
    """Print a job's report: one HTML file. Return 0."""
    predicted = {} if prediction is None else {"prediction": read_result(prediction)}
    page = report_page(report_data(app, chosen_job(app, job, last)) | predicted)
    if to is None:
        print(page)
    else:
        to.write_text(page, encoding="utf-8")
        print(f"The report is in {to}.", file=sys.stderr)
    return 0


def report_data(app: Client, job_id: str) -> dict[str, Any]:
    """Return what the page needs to know of a job. A part that the app does not have is left out."""
    path = job_path(job_id)
    answers = {_name(path): app.answer(path)}
    for part in PARTS:
        _add(answers, app, f"{path}/{part}")
    for group in answers.get(_name(f"{path}/failures"), {}).get("groups", [])[:MOST_TASKS]:
        _add(answers, app, job_path(job_id, "tasks", group["firstTask"]))
    return {"jobId": job_id, "madeAt": datetime.now(UTC).isoformat(), "answers": answers}


def _add(answers: dict[str, Any], app: Client, path: str) -> None:
    try:
        answers[_name(path)] = app.answer(path)
    except AppError as error:
        if error.status not in {404, 409, 410}:
            raise


def _name(path: str) -> str:
    return path.removeprefix("/")
