"""`docs/observability.md` has every name of telemetry and every alert, and no other."""

import re
from pathlib import Path

from batchmgr.model.telemetry_names import ATTRIBUTES, METRICS, SPANS, LogLine
from tests.infra.golden import golden

PAGE = (Path(__file__).parents[2] / "docs" / "observability.md").read_text()


def rows(title: str) -> dict[str, list[str]]:
    """The rows of the table in a section, by what is in their first cell."""
    section = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    found = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if "|" in line
    ]
    return {cells[0].strip("`"): cells[1:] for cells in found if cells[0].startswith("`")}


def test_every_span_is_documented_and_no_other() -> None:
    assert set(rows("Traces")) == {span.name for span in SPANS}


def test_every_metric_is_documented_as_it_is_and_no_other() -> None:
    documented = rows("Metrics")
    assert documented == {
        metric.name: [
            metric.kind.value,
            f"`{metric.unit}`",
            ", ".join(f"`{name}`" for name in metric.attributes),
            metric.description,
        ]
        for metric in METRICS
    }


def test_every_attribute_is_documented_and_no_other() -> None:
    documented = rows("Attributes")
    assert set(documented) == ATTRIBUTES
    assert {name for metric in METRICS for name in metric.attributes} <= ATTRIBUTES
    assert all(re.search(r"\w", cells[1]) for cells in documented.values())


def test_every_named_line_of_the_log_is_documented_and_no_other() -> None:
    assert set(rows("Logs")) == {line.value for line in LogLine}


def test_every_alert_is_documented_as_it_tells_and_no_other() -> None:
    made = golden("dev")
    rules = [
        *made.every("Microsoft.Insights/scheduledQueryRules"),
        *made.every("Microsoft.Insights/metricAlerts"),
    ]
    assert rows("Alerts and workbook") == {
        str(rule["name"]).removeprefix("batchmgr-dev-"): [
            str(rule["properties"]["severity"]),
            rule["properties"]["description"],
        ]
        for rule in rules
    }
