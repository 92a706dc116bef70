"""The comparison of pools as text, JSON and a picture."""

from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from batchmgr.cli.simulate.result_json import comparison_answer
from batchmgr.cli.simulate.result_types import ComparisonAnswer
from batchmgr.errors import SimulationError
from batchmgr.simulation.earlier_job import earlier_job
from batchmgr.simulation.format_table import WIDTH, format_comparison
from batchmgr.simulation.node_price import NodePrice
from batchmgr.simulation.plot_curves import plot_curves
from batchmgr.simulation.pool_variant import PoolVariant
from batchmgr.simulation.simulate import Comparison, pool_as_it_was, simulate
from tests.json_schema import schema_of
from tests.simulation.runs import CURVES, one_run, plan_of
from tests.simulation.test_earlier_job import TIMELINE

FAST = PoolVariant(name="2 nodes", dedicated=2)
ENDLESS = PoolVariant(name="a formula with a name that is long", formula="$TargetDedicatedNodes = 0;")
PRICE = NodePrice(
    currency="EUR", region="westeurope", as_of="2026-11-01", vm_size="D4", dedicated=0.2, spot=None
)


def compared(**changes: Any) -> Comparison:
    answers = [
        {"name": FAST.name, "runs": [one_run(5000), one_run(6000)]},
        {"name": ENDLESS.name, "runs": [one_run(600_000, ended=False, reason="the horizon is reached")]},
    ]
    return simulate(plan_of(FAST, ENDLESS, **changes), lambda request: answers)


def test_the_text_has_a_line_for_each_pool_and_fits_into_80_columns() -> None:
    text = format_comparison(compared(price=PRICE))
    assert max(map(len, text.splitlines())) <= WIDTH
    rows = [line for line in text.splitlines() if line.startswith(("* 2 nodes", "  a formula"))]
    assert rows[0].split() == [
        "*",
        "2",
        "nodes",
        "1h32m",
        "1h25m–1h38m",
        "1.00",
        "1.00–1.00",
        "50",
        "25",
        "25",
        "0",
    ]
    assert "does not end" in rows[1]
    assert "0.10 + 0.10" in text
    assert "Prices of D4 in westeurope as of 2026-11-01, in EUR." in text
    words = " ".join(text.split())
    assert (
        "! a formula with a name that is long: does not end, in 1 of 1 runs: the horizon is reached" in words
    )


def test_curves_are_drawn_over_time() -> None:
    lines = format_comparison(compared()).splitlines()
    place = lines.index("2 nodes · 1h23m")
    assert lines[place + 1].startswith("  waiting       4  █")
    assert lines[place + 2].split()[1] == "2"
    assert lines[-1].strip().startswith("0")


def curves_of(*makespans: float, unended: float = 0.0) -> list[str]:
    """The headings of the curves of pools that take so long; the last one does not end."""

    def one(end: float, ended: bool) -> dict[str, Any]:
        return one_run(end, ended=ended, curves={**CURVES, "seconds": [0.0, end / 2, end]})

    runs = [one(end, True) for end in makespans] + ([one(unended, False)] if unended else [])
    variants = [PoolVariant(name=f"pool {n}", dedicated=2) for n in range(len(runs))]
    answers = [{"name": it.name, "runs": [run]} for it, run in zip(variants, runs, strict=True)]
    found = simulate(plan_of(*variants), lambda request: answers)
    text = format_comparison(found).rpartition("\n\n")[2]
    return [line for line in text.splitlines() if line.startswith("pool")]


def test_a_curve_that_goes_on_after_the_axis_says_so() -> None:
    assert curves_of(3600, 11 * 3600) == ["pool 0 · 1h00m", "pool 1 · 11h00m; goes on →"]
    assert curves_of(3600, 9 * 3600) == ["pool 0 · 1h00m", "pool 1 · 9h00m"]


def test_the_curves_of_a_run_that_does_not_end_say_how_much_they_show() -> None:
    assert curves_of(3600, unended=7200) == ["pool 0 · 1h00m", "pool 1 · does not end; the first 2h00m"]
    assert curves_of(unended=7200) == ["pool 0 · does not end; the first 2h00m"]


def printed(**changes: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(comparison_answer(compared(**changes))))


@pytest.mark.parametrize("price", [PRICE, None])
def test_the_json_has_its_schema(price: NodePrice | None) -> None:
    jsonschema.validate(printed(price=price), schema_of(ComparisonAnswer, optional={"prices", "prediction"}))


def test_the_json_of_an_earlier_job_has_its_schema_and_what_really_happened() -> None:
    earlier = earlier_job(TIMELINE)
    pool = pool_as_it_was(earlier)
    answers = [{"name": pool.name, "runs": [one_run(500)]}]
    answer = comparison_answer(simulate(plan_of(pool, earlier=earlier), lambda request: answers))
    found = msgspec.json.decode(msgspec.json.encode(answer))
    jsonschema.validate(found, schema_of(ComparisonAnswer, optional={"prices"}))
    prediction = found["prediction"]
    assert (prediction["variant"], prediction["nodes"], prediction["slots"]) == ("as it was", 2, 2)
    assert (prediction["realSeconds"], prediction["predictedSeconds"]["p50"]) == (404, 500)
    assert prediction["realNodeHoursUsed"] == round(607 / 2 / 3600, 4)
    assert prediction["realCurves"]["ended"][-1] == 6


def test_the_json_has_the_same_and_the_curves() -> None:
    found = printed(price=PRICE)
    fast, endless = found["variants"]
    assert fast["makespanSeconds"] == {"p10": 5100, "p50": 5500, "p90": 5900}
    assert fast["nodeHours"]["held"]["p50"] == 1
    assert fast["cost"]["used"]["p50"] == 0.1
    assert fast["best"]
    assert (endless["ended"], endless["runs"], endless["best"]) == (0, 1, False)
    assert endless["warnings"][0].startswith("does not end")
    assert set(fast["curves"]) == {"seconds", "waiting", "running", "nodes", "busy", "target"}
    assert (found["kind"], found["version"]) == ("batchmgr.simulation", 1)
    assert found["prices"]["currency"] == "EUR"
    assert "prediction" not in found


@pytest.mark.parametrize(("name", "magic"), [("curves.png", b"\x89PNG"), ("curves.svg", b"<?xml")])
def test_a_picture_is_drawn(tmp_path: Path, name: str, magic: bytes) -> None:
    plot_curves(compared(), tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(magic)


def test_a_picture_of_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SimulationError, match="can't be written"):
        plot_curves(compared(), tmp_path / "curves.xyz")
