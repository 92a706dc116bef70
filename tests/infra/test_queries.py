"""The queries of alerts and workbook can be run, and look for what the code emits and for nothing else."""

import ast
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import CredentialUnavailableError

from batchmgr.adapters.queue_names import POISON, PROGRESS
from batchmgr.model import telemetry_names as names
from batchmgr.model.job_census import TASK_STATES as COUNTED_TASKS
from batchmgr.model.job_states import JobState
from batchmgr.model.telemetry_names import METRICS, LogLine, Metric, MetricKind
from batchmgr.queue_ports import PoisonQueue
from batchmgr.usecases import deliver
from batchmgr.wire.events import TASK_STATES
from tests.infra import kusto
from tests.infra.bicep import INFRA, ROOT, SCENARIOS
from tests.infra.golden import golden

PLACEHOLDERS = {"{component}": "/subscriptions/s/components/c", "{Time:grain}": "5m", "{Job}": "kmers-001"}
BY_NAME = {metric.name: metric for metric in METRICS}
COLUMNS = {
    # What a row of AppMetrics has. A counter is the sum of what was added; a gauge is one value.
    MetricKind.COUNTER: {"Sum"},
    MetricKind.GAUGE: {"Sum"},
    MetricKind.HISTOGRAM: {"Sum", "Min", "Max", "ItemCount"},
}


def measured_outcomes() -> Iterator[str]:
    """The outcomes of callbacks that are measured."""
    for call in ast.walk(ast.parse(Path(deliver.__file__).read_text())):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "_measure":
            yield str(ast.literal_eval(call.args[2]))


VALUES = {
    names.JOB_STATE: {state.value for state in JobState},
    names.TASK_STATE: {*COUNTED_TASKS, *TASK_STATES.values()},
    names.CALLBACK_OUTCOME: set(measured_outcomes()),
    names.QUEUE: {*map(str, PoisonQueue), PROGRESS + POISON},
    names.LOG_LINE: {line.value for line in LogLine},
    names.ERROR_TYPE: {"401", "403", ClientAuthenticationError.__name__, CredentialUnavailableError.__name__},
}
"""The values of attributes that a query may ask for."""


WORKBOOK = json.loads((INFRA / "workbook.json").read_text())["items"]


def workbook_queries() -> Iterator[tuple[str, str]]:
    """The title and the query of each part of the workbook."""
    for item in WORKBOOK:
        if "query" in item["content"]:
            query = item["content"]["query"]
            for placeholder, value in PLACEHOLDERS.items():
                query = query.replace(placeholder, value)
            yield item["content"]["title"], query


def alert_rules() -> Iterator[tuple[str, dict[str, Any]]]:
    """The name and the condition of each rule that looks into logs."""
    for rule in golden("dev").every("Microsoft.Insights/scheduledQueryRules"):
        yield rule["name"].removeprefix("batchmgr-dev-"), rule["properties"]["criteria"]["allOf"][0]


ALERTS = dict(alert_rules())
QUERIES = {**dict(workbook_queries()), **{name: rule["query"] for name, rule in ALERTS.items()}}
every_query = pytest.mark.parametrize("query", [pytest.param(q, id=name) for name, q in QUERIES.items()])


def metrics_of(query: str) -> list[Metric]:
    """The metrics that a query names."""
    single = re.findall(r'Name == "([^"]+)"', query)
    several = re.findall(r"Name in \(([^)]+)\)", query)
    return [BY_NAME[name] for name in [*single, *re.findall(r'"([^"]+)"', "".join(several))]]


def attributes_of(query: str) -> set[str]:
    """The attributes that a query reads."""
    return set(re.findall(r'Properties\["([^"]+)"\]', query))


def asked_values(query: str) -> Iterator[tuple[str, str]]:
    """The attributes that a query compares, and the values that it compares them with."""
    attributes = dict(re.findall(r'(\w+) = tostring\(Properties\["([^"]+)"\]\)', query))
    compared = re.findall(
        r'(?:tostring\(Properties\["([^"]+)"\]\)|\b(\w+)) (?:==|in) (?:"([^"]+)"|\(([^)]+)\))', query
    )
    for attribute, column, one, several in compared:
        name = attribute or attributes.get(column)
        if name and name != names.JOB_ID:
            yield from ((name, value) for value in ([one] if one else re.findall(r'"([^"]+)"', several)))


@pytest.fixture(scope="module", name="answers")
def what_kusto_says() -> dict[str, kusto.Answer]:
    if not kusto.is_here():
        if os.environ.get("CI"):
            pytest.fail("the language service of Kusto is not installed: run make install")
        pytest.skip("the language service of Kusto is not installed")
    return dict(zip(QUERIES, kusto.check(list(QUERIES.values())), strict=True))


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_can_be_run(name: str, answers: dict[str, kusto.Answer]) -> None:
    assert answers[name]["problems"] == [], QUERIES[name]


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_measures_and_splits_by_columns_of_its_result(
    name: str, answers: dict[str, kusto.Answer]
) -> None:
    rule = ALERTS[name]
    used = {rule.get("metricMeasureColumn"), *(one["name"] for one in rule.get("dimensions", ()))} - {None}
    assert used <= set(answers[name]["columns"])


def test_mistakes_in_a_query_are_noticed(answers: dict[str, kusto.Answer]) -> None:
    assert answers
    wrong = ["AppMetrics | where Nam == 1", "AppMetrics | summarise count()", "AppMetrics | where Sum =~ 'x'"]
    assert all(answer["problems"] for answer in kusto.check(wrong))


@every_query
def test_a_query_is_about_this_app(query: str) -> None:
    assert query.count("where _ResourceId =~ ") == 1


@every_query
def test_a_query_reads_metrics_and_attributes_that_the_code_has(query: str) -> None:
    metrics = metrics_of(query)
    if query.startswith("AppMetrics"):
        assert metrics
        assert attributes_of(query) <= {name for metric in metrics for name in metric.attributes}
        columns = set(re.findall(r"\b(Sum|Min|Max|ItemCount)\b", query))
        assert columns <= {column for metric in metrics for column in COLUMNS[metric.kind]}
    else:
        assert attributes_of(query) <= {names.LOG_LINE, names.JOB_ID, names.JOB_STATE}


@every_query
def test_a_query_asks_for_values_that_there_are(query: str) -> None:
    assert [(name, value) for name, value in asked_values(query) if value not in VALUES[name]] == []


def test_values_that_are_asked_for_are_found() -> None:
    assert ("batchmgr.callback.outcome", "dead") in set(asked_values(QUERIES["callback-given-up"]))
    assert ("batchmgr.log.line", "internal_error") in set(asked_values(QUERIES["internal-error"]))
    assert ("batchmgr.log.line", "message_kept") in set(asked_values(QUERIES["What needs somebody"]))
    assert ("batchmgr.job.state", "timed_out") in set(
        asked_values(QUERIES["How jobs have ended, by workload"])
    )


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_measures_what_its_metric_has(name: str) -> None:
    rule = ALERTS[name]
    (metric,) = metrics_of(QUERIES[name]) or (None,)
    measured = rule.get("metricMeasureColumn")
    # Only a count is 0 when there is nothing: any other value is missing then, and no alert is raised.
    assert (measured is None) == (rule["timeAggregation"] == "Count")
    if rule["operator"] == "LessThan":
        assert rule["timeAggregation"] == "Count"
    if metric is not None and measured is not None:
        assert measured in COLUMNS[metric.kind]
        # The least value in the window is that of something that has lasted. Else one poll would raise it.
        assert rule["timeAggregation"] == ("Minimum" if metric.kind is MetricKind.GAUGE else "Total")


def test_the_workbook_asks_its_reader_for_what_its_queries_need() -> None:
    parameters = {
        parameter["name"] for item in WORKBOOK for parameter in item["content"].get("parameters", ())
    }
    used = {
        name
        for item in WORKBOOK
        for name in re.findall(r"\{(\w+)(?::\w+)?\}", item["content"].get("query", ""))
    }
    assert used == parameters | {"component"}
    shown_if = {
        item["conditionalVisibility"]["parameterName"] for item in WORKBOOK if "conditionalVisibility" in item
    }
    assert shown_if <= parameters
    names_of_items = [item["name"] for item in WORKBOOK]
    assert len(set(names_of_items)) == len(names_of_items)


def test_each_metric_is_shown_in_the_workbook() -> None:
    shown = {metric.name for _, query in workbook_queries() for metric in metrics_of(query)}
    assert shown == set(BY_NAME)


def sources() -> Iterator[ast.Module]:
    for path in (ROOT / "batchmgr").rglob("*.py"):
        if path.name != "telemetry_names.py":
            yield ast.parse(path.read_text())


def test_the_code_uses_every_metric_and_every_name_of_a_log_line() -> None:
    used = {
        node.attr if isinstance(node, ast.Attribute) else node.id
        for tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute | ast.Name)
    }
    constants = {name for name, value in vars(names).items() if isinstance(value, Metric)}
    assert constants | {line.name for line in LogLine} <= used


def test_the_workbook_shows_the_app_that_it_belongs_to() -> None:
    for name in SCENARIOS:
        shown = golden(name).one("Microsoft.Insights/workbooks")["properties"]["serializedData"]
        assert "{component}" not in shown or shown.startswith("[replace(")
