"""Every alert is made, tells somebody, and says what to do. What its query asks for: `test_queries.py`."""

import json

import pytest

from tests.infra.bicep import INFRA, SCENARIOS
from tests.infra.golden import Golden, golden

ALERTS = json.loads((INFRA / "alerts.json").read_text())
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


@pytest.mark.parametrize("alert", ALERTS["metricAlerts"], ids=lambda alert: alert["name"])
def test_a_metric_of_the_platform_is_one_of_the_resource(alert: dict[str, str]) -> None:
    assert alert["metric"] in METRICS[alert["resource"]]


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
        # A new workspace has no tables yet.
        assert rule["properties"]["skipQueryValidation"] is True


def test_an_alert_whose_values_last_looks_at_more_than_one_poll() -> None:
    slowest = 60  # seconds between two values: an export each minute, a poll each half a minute
    for alert in ALERTS["ownMetricAlerts"]:
        if alert["aggregation"] == "Minimum":
            assert alert["windowMinutes"] * 60 >= 10 * slowest
