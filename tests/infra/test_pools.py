"""The pools that infra/ makes, and the formula that sizes them, by the language of autoscale formulas."""

import random
from typing import Any

import pytest

from fakebatch.autoscale.evaluation import EvaluationContext, evaluate
from fakebatch.autoscale.formula_values import PERIOD, Metric
from fakebatch.autoscale.parser import parse
from fakebatch.wire import timestamps
from tests.infra.golden import BATCH, golden

NOW = timestamps.from_iso("2026-03-01T13:14:15.5Z")


def pool(name: str, scenario: str = "everything") -> dict[str, Any]:
    """The properties of a pool."""
    return dict(golden(scenario).one(f"{BATCH}/pools", f"/{name}")["properties"])


def sizes(formula: str, *pending: float, samples: int = 40) -> tuple[float, float]:
    """Evaluate a formula for tasks that wait or run. Return dedicated and spot nodes."""
    values = [pending[0]] * (samples - len(pending)) + list(pending)
    newest = NOW - PERIOD
    told = [(newest - age * PERIOD, float(value)) for age, value in enumerate(reversed(values))]
    metric = Metric(name="$PendingTasks", samples=told[::-1], current=float(values[-1]))
    situation = EvaluationContext(
        now=NOW,
        dedicated=0,
        low_priority=0,
        metrics={metric.name: metric},
        constants={},
        source=random.Random(1),
    )
    result = evaluate(parse(formula), situation)
    assert result.error is None
    return result.dedicated or 0, result.low_priority or 0


@pytest.mark.parametrize(
    ("pending", "nodes"), [(0, 0), (1, 1), (4, 1), (5, 2), (40, 10), (4000, 10)], ids=str
)
def test_a_pool_gets_nodes_for_its_tasks_within_its_limits(pending: int, nodes: int) -> None:
    formula = pool("containers")["scaleSettings"]["autoScale"]["formula"]  # 4 slots, 0 to 10 nodes, 80% spot
    dedicated, spot = sizes(formula, pending)
    assert dedicated + spot == nodes


def test_spot_nodes_have_their_share() -> None:
    assert sizes(pool("containers")["scaleSettings"]["autoScale"]["formula"], 400) == (2, 8)
    assert sizes(pool("default", "dev")["scaleSettings"]["autoScale"]["formula"], 400) == (2, 0)
    assert pool("gallery")["scaleSettings"]["fixedScale"] == {
        "targetDedicatedNodes": 2,
        "targetLowPriorityNodes": 2,
    }


def test_one_sample_of_a_new_pool_is_enough() -> None:
    formula = pool("default", "dev")["scaleSettings"]["autoScale"]["formula"]
    assert sizes(formula, 5, samples=1) == (2, 0)


def test_a_formula_of_ones_own_is_taken_as_it_is() -> None:
    assert pool("formula")["scaleSettings"]["autoScale"]["formula"] == "$TargetDedicatedNodes = 1;"


def test_images_come_from_the_marketplace_or_from_a_gallery() -> None:
    gallery = pool("gallery")["deploymentConfiguration"]["virtualMachineConfiguration"]
    assert gallery["imageReference"]["id"].endswith("/images/i/versions/1.0.0")
    ubuntu = pool("default", "dev")["deploymentConfiguration"]["virtualMachineConfiguration"]
    assert ubuntu["imageReference"] == {
        "publisher": "canonical",
        "offer": "ubuntu-24_04-lts",
        "sku": "server",
        "version": "latest",
    }
    assert ubuntu["nodeAgentSkuId"] == "batch.node.ubuntu 24.04"


def test_containers_are_pulled_with_the_identity_of_the_nodes() -> None:
    configuration = pool("containers")["deploymentConfiguration"]["virtualMachineConfiguration"]
    (registry,) = configuration["containerConfiguration"]["containerRegistries"]
    assert registry["registryServer"] == "theirs.azurecr.io"
    identity = golden("everything").one(f"{BATCH}/pools", "/containers")["identity"]
    assert list(identity["userAssignedIdentities"]) == [registry["identityReference"]["resourceId"]]


def test_start_task_packages_slots_and_nodes_that_talk() -> None:
    gallery = pool("gallery")
    assert gallery["startTask"]["userIdentity"]["autoUser"]["elevationLevel"] == "Admin"
    assert gallery["interNodeCommunication"] == "Enabled"
    assert [package.get("version") for package in gallery["applicationPackages"]] == [None, "1.4.0"]
    assert gallery["applicationPackages"][0]["id"].endswith("/theirbatch/applications/my_workload")
    assert pool("containers")["taskSlotsPerNode"] == 4
