"""Alerts and workbook look for what batchmgr says and Azure measures, and for nothing else."""

import ast
import json
import re

import pytest

from batchmgr.model.telemetry_names import METRICS as METRICS_OF_BATCHMGR
from tests.infra.bicep import INFRA, ROOT, SCENARIOS
from tests.infra.golden import Golden, golden

ALERTS = json.loads((INFRA / "alerts.json").read_text())
WORKBOOK = json.loads((INFRA / "workbook.json").read_text())
QUERIES = [item["content"]["query"] for item in WORKBOOK["items"] if "query" in item["content"]]

METRICS = {
    # Microsoft's list of supported metrics, by the type of the resource.
    "systemTopic": {
        "DeliveryAttemptFailCount",
        "DroppedEventCount",
        "DeadLetteredCount",
        "MatchedEventCount",
    },
    "batchAccount": {"UnusableNodeCount", "StartTaskFailedNodeCount"},
}
COLUMNS = {"AppTraces", "AppExceptions", "Message", "OuterMessage", "SeverityLevel", "TimeGenerated"}


def log_texts() -> list[str]:
    """The texts of all log lines of batchmgr, with their placeholders."""
    return [
        str(ast.literal_eval(call.args[0]))
        for path in (ROOT / "batchmgr").rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in {"info", "warning", "error", "exception", "critical"}
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id == "logger"
        and call.args
        and isinstance(call.args[0], ast.Constant)
    ]


def says(texts: list[str]) -> bool:
    """Return whether one line of the log has all these texts. What fills a placeholder counts for nothing."""
    lines = [re.sub(r"%[sdr]", "\0", line) for line in log_texts()]
    return any(all(text.strip() in line for text in texts) for line in lines)


def test_the_texts_of_the_log_are_found() -> None:
    assert len(log_texts()) > 25


@pytest.mark.parametrize("alert", ALERTS["logAlerts"], ids=lambda alert: alert["name"])
def test_an_alert_looks_for_a_line_that_batchmgr_logs(alert: dict[str, list[str]]) -> None:
    assert says(alert["texts"]), alert["texts"]
    assert '"' not in "".join(alert["texts"])


def test_a_text_that_nobody_logs_is_noticed() -> None:
    assert not says(["callback of job", "is lost"])
    assert not says(["job kmers"])


@pytest.mark.parametrize("alert", ALERTS["metricAlerts"], ids=lambda alert: alert["name"])
def test_a_metric_is_one_of_the_resource(alert: dict[str, str]) -> None:
    assert alert["metric"] in METRICS[alert["resource"]]


@pytest.mark.parametrize("alert", ALERTS["ownMetricAlerts"], ids=lambda alert: alert["name"])
def test_a_metric_of_batchmgr_is_one_that_it_measures(alert: dict[str, str]) -> None:
    assert alert["metric"] in {metric.name for metric in METRICS_OF_BATCHMGR}
    # Only a count is 0 when there is nothing: any other value is missing then, and no alert is raised.
    is_absence = alert["operator"] == "LessThan"
    assert alert["aggregation"] == ("Count" if is_absence else "Maximum")
    assert alert.get("value") == (None if is_absence else "Max")


def test_every_text_of_the_workbook_is_logged() -> None:
    texts = [text for query in QUERIES for text in re.findall(r'contains_cs "([^"]+)"', query)]
    assert len(texts) > 5
    assert [text for text in texts if not says([text])] == []


def test_the_workbook_reads_only_tables_and_columns_that_there_are() -> None:
    for query in QUERIES:
        assert set(re.findall(r"\bApp[A-Z]\w+|\w*Message\b|SeverityLevel|TimeGenerated", query)) <= COLUMNS
        assert '_ResourceId =~ "{component}"' in query


@pytest.mark.parametrize("made", [pytest.param(golden(name), id=name) for name in SCENARIOS])
def test_every_alert_is_made_and_tells_somebody(made: Golden) -> None:
    rules = made.every("Microsoft.Insights/scheduledQueryRules")
    metrics = made.every("Microsoft.Insights/metricAlerts")
    assert len(rules) == len(ALERTS["logAlerts"]) + len(ALERTS["ownMetricAlerts"])
    assert len(metrics) == len(ALERTS["metricAlerts"]) + 1  # and the health check
    for one in [*rules, *metrics]:
        assert one["properties"]["actions"]
        assert len(one["properties"]["description"]) > 20
    for rule in rules:
        assert rule["properties"]["skipQueryValidation"] is True
        (condition,) = rule["properties"]["criteria"]["allOf"]
        assert 'where Line contains_cs "' in condition["query"] or 'where Name == "' in condition["query"]


def test_the_workbook_shows_the_app_that_it_belongs_to() -> None:
    for name in SCENARIOS:
        shown = golden(name).one("Microsoft.Insights/workbooks")["properties"]["serializedData"]
        assert "{component}" not in shown or shown.startswith("[replace(")
