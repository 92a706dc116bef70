"""`docs/troubleshooting.md` quotes what the code says, and has a row for each code."""

import json
import re

import pytest

from batchmgr.functions.http_responses import ERRORS
from tests.docs.codes import codes, stall_codes
from tests.docs.commands import ROOT
from tests.docs.quoted_texts import is_said

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text()
ALERTS = json.loads((ROOT / "infra" / "alerts.json").read_text())

OF_OTHERS = {
    "No module named my_workload",
    "No such file or directory",
    "python3: not found",
    "exit code 127",
    "404",
}
"""What Python and shells say, not batchmgr."""

OF_SERVICES = {
    "ServerBusy",
    "ActiveJobAndScheduleQuotaReached",
    "AuthorizationPermissionMismatch",
    "JobManagerTask",
    "FailureExitCode",
    "KeyError",
}
"""Codes that come from Azure, and types of exceptions. The page shows some."""


def first_cells(title: str) -> list[str]:
    section = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    cells = [line.split("|")[1].strip() for line in section.splitlines() if line.startswith("| ")]
    return [cell for cell in cells if cell != "---"][1:]


TITLES = re.findall(r"^## (.+)$", PAGE, re.MULTILINE)
QUOTED = sorted(
    {
        text
        for title in TITLES
        for cell in first_cells(title)
        for text in re.findall(r"`([^`]+)`", cell)
        if " " in text
    }
    - OF_OTHERS
)


@pytest.mark.parametrize("text", QUOTED)
def test_what_the_page_quotes_is_in_the_code(text: str) -> None:
    assert is_said(text)


def test_what_nobody_says_is_noticed() -> None:
    assert len(QUOTED) > 50
    assert not is_said("job … has flown away")
    assert not is_said("has functions. … The Functions host runs")


def test_every_reason_to_wait_has_a_row_and_no_other() -> None:
    rows = set(re.findall(r"`(\w+)`", " ".join(first_cells("A job waits")))) - {"401", "403", "429", "503"}
    given = set(codes())
    of_services = {code for code in given if set(codes()[code]) <= OF_WAITING}
    assert rows - OF_SERVICES - given == set()
    assert stall_codes() | of_services <= rows


OF_WAITING = {"adapters.service_errors", "adapters.batch_answers", "adapters.workload_threads"}
"""Modules whose codes are reasons to wait."""


def test_every_code_of_a_job_has_a_row_and_no_other() -> None:
    rows = set(re.findall(r"`(\w+)`", " ".join(first_cells("A job did not succeed")))) - {"waitingFor"}
    of_jobs = {
        code
        for code, modules in codes().items()
        if any(module.startswith(("usecases.", "steps.", "model.job_outcome")) for module in modules)
    }
    assert of_jobs <= rows
    assert rows - OF_SERVICES - of_jobs == {"PoolNotFound"}


def test_every_code_has_a_row_somewhere() -> None:
    listed = " ".join(cell for title in TITLES for cell in first_cells(title))
    hidden = {"QueueNotFound"}  # told as the text of `checks.progress`
    assert [code for code in set(codes()) - hidden if f"`{code}`" not in listed] == []


def test_every_title_of_an_error_over_http_has_a_row() -> None:
    cells = first_cells("You send a job")
    assert [kind.title for kind in ERRORS.values() if f"`{kind.title}`" not in cells] == []


def test_every_line_that_an_alert_looks_for_has_a_row() -> None:
    cells = first_cells("The log")
    for alert in ALERTS["logAlerts"]:
        assert any(f"`{alert['line']}`" in cell for cell in cells), alert["name"]
