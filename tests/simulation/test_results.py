"""What the runs of a pool have in common: spreads, costs, bounds, the best, and warnings."""

import json
from dataclasses import replace
from typing import Any

import pytest

from batchmgr.cli.simulate.choose_price import choose_price
from batchmgr.errors import BatchmgrError, SimulationError
from batchmgr.model.price_table import read_price_table
from batchmgr.simulation.durations import Duration
from batchmgr.simulation.format_values import duration, hours
from batchmgr.simulation.job_shape import shape_of_count
from batchmgr.simulation.node_price import NodePrice
from batchmgr.simulation.pool_variant import cores_of, fixed_pool, quota_nodes
from batchmgr.simulation.variant_result import Spread, best_of
from batchmgr.simulation.warnings import warnings_of
from tests.simulation.runs import NOTHING, one_run, result_of

PRICE = NodePrice(currency="EUR", region="we", as_of="2026-11-01", vm_size="D4", dedicated=0.2, spot=None)
TABLE = {
    "currency": "EUR",
    "region": "we",
    "asOf": "2026-11-01T00:00:00Z",
    "sizes": {"Standard_D4s_v3": {"dedicated": 0.2, "spot": 0.05}},
}


def test_a_spread_is_between_the_runs() -> None:
    assert Spread.of([3.0, 1.0, 2.0]) == Spread(p10=1.2, p50=2.0, p90=2.8)
    assert Spread.of([7.0]) == Spread(p10=7.0, p50=7.0, p90=7.0)


def test_runs_that_do_not_end_are_not_among_the_times_of_those_that_do() -> None:
    found = result_of(one_run(100), one_run(200), one_run(9000, ended=False, reason="stuck"))
    assert found.unended == 1
    assert found.makespan.p50 == 150
    assert result_of(one_run(9000, ended=False)).makespan.p50 == 9000


def test_no_order_beats_the_chain_or_the_work() -> None:
    assert result_of(dedicated=2).bound.p50 == 80
    assert result_of(dedicated=2, slots=4).bound.p50 == 30
    assert result_of(dedicated=0, formula="$x = 1;").bound.p50 == 30
    list_bound = result_of(dedicated=2).list_bound
    assert list_bound is not None
    assert list_bound.p50 == 30 * (1 - 1 / 2) + 160 / 2


def test_a_cost_has_two_amounts_and_is_never_guessed() -> None:
    assert result_of().cost is None
    cost = result_of(price=PRICE).cost
    assert cost is not None
    assert [amount.p50 for amount in cost] == pytest.approx([0.1, 0.1])
    spot = one_run(nodeSeconds={"dedicated": NOTHING, "spot": {**NOTHING, "held": 3600.0}})
    assert result_of(spot, price=PRICE).cost is None


def test_the_best_are_those_that_no_other_beats_in_both() -> None:
    def held(hours: float) -> dict[str, Any]:
        return {"nodeSeconds": {"dedicated": {**NOTHING, "held": hours * 3600}, "spot": NOTHING}}

    results = [
        result_of(one_run(100, **held(4)), name="fast"),
        result_of(one_run(200, **held(2)), name="cheap"),
        result_of(one_run(200, **held(3)), name="neither"),
        result_of(one_run(50, ended=False, **held(1)), name="endless"),
    ]
    assert best_of(results) == {"fast", "cheap"}


def price_of(table: object, vm_size: str | None) -> NodePrice:
    return choose_price(read_price_table(json.dumps(table).encode(), "prices.json"), vm_size)


def test_a_table_of_prices() -> None:
    found = price_of(TABLE, "standard_d4s_V3")
    assert (found.dedicated, found.spot, found.vm_size) == (0.2, 0.05, "Standard_D4s_v3")
    assert found.as_of == "2026-11-01"
    assert price_of(TABLE, None) == found
    assert found.cost(2, 4) == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ([], "prices.json is no table of prices"),
        ({**TABLE, "sizes": {"A": {"dedicated": "free"}}}, "no table of prices: .*dedicated"),
        ({**TABLE, "sizes": {"A": {"dedicated": -1}}}, "the price of A is negative"),
        ({"sizes": {"A": {}}}, "`currency`"),
        ({**TABLE, "sizes": {"A": {}, "B": {}}}, "choose one with --vm-size"),
        ({**TABLE, "sizes": {}}, "choose one with --vm-size"),
    ],
)
def test_what_is_no_table_of_prices_is_refused(table: object, reason: str) -> None:
    with pytest.raises(BatchmgrError, match=reason):
        price_of(table, None)


def test_the_price_of_another_size_is_not_taken() -> None:
    with pytest.raises(SimulationError, match="no price for Standard_F2; there are: Standard_D4s_v3"):
        price_of(TABLE, "Standard_F2")


def test_quotas_are_nodes_or_cores() -> None:
    assert quota_nodes("50", None) == 50
    assert quota_nodes("200cores", "Standard_D16s_v5") == 12
    assert cores_of("standard_f72s_v2") == 72
    for text, size in (("many", None), ("200cores", None), ("200cores", "Standard_X")):
        with pytest.raises(SimulationError):
            quota_nodes(text, size)


def test_a_share_of_the_nodes_is_spot() -> None:
    pool = fixed_pool(10, spot_share=0.75, slots=1, eviction_rate=0.1)
    assert (pool.dedicated, pool.spot, pool.name, pool.eviction_rate) == (2, 8, "10 nodes, 8 spot", 0.1)
    assert fixed_pool(1, spot_share=0, slots=1, eviction_rate=0.1).eviction_rate == 0


GUARDED = "s = $PendingTasks.GetSamplePercent(TimeInterval_Minute); $NodeDeallocationOption = taskcompletion;"


def warnings(
    formula: str | None = None,
    minutes: int = 60,
    *runs: dict[str, Any],
    limit: float | None = None,
    **variant: Any,
) -> str:
    shape = shape_of_count(4, "render")
    if limit is not None:
        shape = replace(shape, max_wall_clock_s=limit)
    durations = {"render": Duration(text=f"{minutes}m"), "FinalizeTask": Duration(text="2s")}
    result = result_of(*runs, formula=formula, **variant)
    return "\n".join(warnings_of(result, shape, durations))


def test_a_formula_in_order_has_no_warning() -> None:
    assert warnings(GUARDED) == ""


@pytest.mark.parametrize(
    ("formula", "warning"),
    [
        ("$TargetDedicatedNodes = 1;", "kills its tasks"),
        ("// $NodeDeallocationOption = taskcompletion\n$TargetDedicatedNodes = 1;", "kills its tasks"),
        (f"{GUARDED} $TargetDedicatedNodes = $CPUPercent;", "load of machines"),
        (f"{GUARDED} h = time().hour;", "time of day"),
        (
            "$TargetDedicatedNodes = avg($ActiveTasks.GetSample(TimeInterval_Minute * 5));"
            "$NodeDeallocationOption=taskcompletion;",
            "without GetSamplePercent",
        ),
    ],
)
def test_a_formula_that_is_dangerous_is_told(formula: str, warning: str) -> None:
    assert warning in warnings(formula)


def test_a_formula_that_ignores_slots_is_told() -> None:
    assert "4 times the nodes" in warnings(GUARDED, slots=4)
    assert "the nodes" not in warnings(f"{GUARDED} n = $PendingTasks / $TaskSlotsPerNode;", slots=4)
    assert "the nodes" not in warnings(f"{GUARDED} n = $PendingTasks / 4;", slots=4)
    assert "2 times the nodes" in warnings(
        f"{GUARDED} n = $PendingTasks > 0 ? 1 : $TargetDedicated / 2;", slots=2
    )


def test_what_happens_in_the_runs_is_told() -> None:
    assert "asks for no node while tasks wait, once in a run" in warnings(
        GUARDED, 60, one_run(zeroWhileWaiting=1)
    )
    failing = warnings(GUARDED, 60, one_run(formulaErrors={"Unknown identifier 'a'": 3}))
    assert "fails, 3 times in a run: Unknown identifier 'a'" in failing
    stuck = one_run(ended=False, reason="the horizon is reached", requeues=7, tasks={"neverRan": 2})
    assert "does not end, in 1 of 1 runs: the horizon is reached; 2 tasks left, after 7 requeues" in warnings(
        None, 60, stuck
    )
    # The FinalizeTask, which batchmgr runs all the same, is not counted.
    blocked = one_run(tasks={"succeeded": 1, "failed": 1, "neverRan": 3})
    assert "2 tasks never run" in warnings(None, 60, blocked)


def test_tasks_that_are_shorter_than_the_interval_are_told() -> None:
    assert "shorter (1m00s) than the interval of 15m" in warnings(GUARDED, 1)
    assert warnings(None, 1) == ""


def test_a_job_that_its_time_limit_cuts_off_is_told() -> None:
    assert "cut off by its maxWallClockTime of 1m30s" in warnings(None, 60, limit=90)
    assert warnings(None, 60, limit=110) == ""


def test_times_are_as_people_read_them() -> None:
    shown = [duration(seconds) for seconds in (0, 0.44, 59.6, 95, 599, 3599, 5000, 86_399, 200_000)]
    assert shown == ["0s", "0.4s", "1m00s", "1m35s", "9m59s", "1h00m", "1h23m", "24h00m", "2d08h"]
    assert [hours(amount) for amount in (0, 0.005, 9.99, 23.45, 12345)] == [
        "0",
        "0.01",
        "9.99",
        "23.4",
        "12,345",
    ]
