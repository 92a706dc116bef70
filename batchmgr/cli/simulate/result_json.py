"""The comparison as JSON: for scripts, and for a dashboard that draws its curves."""

from __future__ import annotations

from collections.abc import Sequence

from batchmgr.cli.simulate.result_types import (
    KIND,
    VERSION,
    AssumptionsAnswer,
    ComparisonAnswer,
    CostAnswer,
    CurvesAnswer,
    JobAnswer,
    KindAnswer,
    NodeHoursAnswer,
    PredictionAnswer,
    PricesAnswer,
    RealCurvesAnswer,
    SharesAnswer,
    SpreadAnswer,
    VariantAnswer,
    WaitAnswer,
)
from batchmgr.simulation.node_price import NodePrice
from batchmgr.simulation.simulate import Comparison
from batchmgr.simulation.variant_result import Spread, VariantResult

_HOUR_S = 3600.0
_SECONDS, _HOURS = 3, 4
"""How many digits after the point times have, and hours, shares and money."""


def comparison_answer(comparison: Comparison) -> ComparisonAnswer:
    """Return what is printed as JSON."""
    plan = comparison.plan
    return ComparisonAnswer(
        kind=KIND,
        version=VERSION,
        job=JobAnswer(
            name=plan.job,
            tasks=len(plan.shape),
            kinds=[
                KindAnswer(
                    name=kind,
                    tasks=count,
                    duration=plan.durations[kind].shown,
                    typical_seconds=plan.durations[kind].typical_s,
                    failure=plan.durations[kind].failure,
                )
                for kind, count in plan.shape.counts.items()
            ],
        ),
        assumptions=AssumptionsAnswer(
            resize=plan.assumptions.resize,
            boot=plan.assumptions.boot,
            start_task=plan.assumptions.start_task,
            scheduling=plan.assumptions.scheduling,
        ),
        runs=plan.runs,
        seed=plan.seed,
        horizon_seconds=plan.horizon_s,
        variants=[
            _variant(result, comparison.warnings[result.variant.name]) for result in comparison.results
        ],
        prices=None if plan.price is None else _prices(plan.price),
        prediction=_prediction(comparison),
    )


def _variant(result: VariantResult, warnings: Sequence[str]) -> VariantAnswer:
    curves = result.middle["curves"]
    return VariantAnswer(
        name=result.variant.name,
        best=result.is_best,
        ended=len(result.runs) - result.unended,
        runs=len(result.runs),
        makespan_seconds=_spread(result.makespan),
        lower_bound_seconds=_spread(result.bound),
        list_scheduling_seconds=None if result.list_bound is None else _spread(result.list_bound),
        node_hours=NodeHoursAnswer(
            held=_spread(result.node_hours("held"), _HOURS),
            used=_spread(result.node_hours("used"), _HOURS),
            idle=_spread(result.node_hours("idle"), _HOURS),
            boot=_spread(result.node_hours("boot"), _HOURS),
            lost=_spread(result.node_hours("lost"), _HOURS),
        ),
        shares=SharesAnswer(
            used=_spread(result.share("used"), _HOURS),
            idle=_spread(result.share("idle"), _HOURS),
            boot=_spread(result.share("boot"), _HOURS),
            lost=_spread(result.share("lost"), _HOURS),
        ),
        cost=_cost(result),
        wait_seconds=WaitAnswer(
            p50=_spread(result.wait(50)), p90=_spread(result.wait(90)), p99=_spread(result.wait(99))
        ),
        requeues=_spread(result.spread(lambda run: run["requeues"])),
        retries=_spread(result.spread(lambda run: run["retries"])),
        evictions=_spread(result.spread(lambda run: run["evictions"])),
        failed_tasks=_spread(result.spread(lambda run: run["tasks"]["failed"])),
        peak_nodes=_spread(result.spread(lambda run: run["peakNodes"])),
        warnings=warnings,
        curves=CurvesAnswer(
            seconds=curves["seconds"],
            waiting=curves["active"],
            running=curves["running"],
            nodes=curves["nodes"],
            busy=curves["busy"],
            target=curves["target"],
        ),
    )


def _cost(result: VariantResult) -> CostAnswer | None:
    if result.cost is None:
        return None
    used, rest = result.cost
    return CostAnswer(used=_spread(used, _HOURS), rest=_spread(rest, _HOURS))


def _prices(price: NodePrice) -> PricesAnswer:
    return PricesAnswer(
        currency=price.currency,
        region=price.region,
        as_of=price.as_of,
        vm_size=price.vm_size,
        dedicated=price.dedicated,
        spot=price.spot,
    )


def _prediction(comparison: Comparison) -> PredictionAnswer | None:
    result, earlier = comparison.prediction, comparison.plan.earlier
    if result is None or earlier is None:
        return None
    return PredictionAnswer(
        job_id=earlier.job_id,
        variant=result.variant.name,
        nodes=len(earlier.ready),
        slots=earlier.slots,
        predicted_seconds=_spread(result.makespan),
        real_seconds=earlier.makespan_s,
        real_node_hours_used=round(earlier.work_s / earlier.slots / _HOUR_S, _HOURS),
        real_curves=RealCurvesAnswer(
            seconds=earlier.curves.seconds, ended=earlier.curves.ended, busy=earlier.curves.busy
        ),
        has_ended=earlier.has_ended,
        guesses=earlier.guesses,
    )


def _spread(spread: Spread, digits: int = _SECONDS) -> SpreadAnswer:
    return SpreadAnswer(
        p10=round(spread.p10, digits), p50=round(spread.p50, digits), p90=round(spread.p90, digits)
    )
