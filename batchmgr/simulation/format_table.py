"""The comparison as text of at most 80 columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from textwrap import wrap

from batchmgr.simulation.format_curves import format_curves
from batchmgr.simulation.format_values import duration, hours
from batchmgr.simulation.simulate import Comparison
from batchmgr.simulation.variant_result import Spread, VariantResult

WIDTH = 80
_NAME = 16
_PARTS = ("used", "idle", "boot", "lost")


def format_comparison(comparison: Comparison) -> str:
    """Return the whole comparison: what was simulated, the tables, the warnings and the curves."""
    parts = [
        _heading(comparison),
        _main_table(comparison.results),
        _second_table(comparison),
        _verdict(comparison),
        _prediction(comparison),
        _warnings(comparison),
        format_curves(comparison.results),
    ]
    return "\n\n".join("\n".join(lines) for part in parts if (lines := list(part)))


def _heading(comparison: Comparison) -> Iterator[str]:
    plan = comparison.plan
    yield from _folded(f"{plan.job}, simulated: {len(plan.shape):,} tasks")
    for kind, count in plan.shape.counts.items():
        known = plan.durations[kind]
        fails = f", {known.failure:.1%} of the runs fail" if known.failure else ""
        yield from _folded(f"{count:>9,} {kind:<16.16} {known.shown}{fails}", indent=" " * 27)
    yield from _folded(f"Assumed: {plan.assumptions.shown}.", indent="  ")
    if plan.price is not None:
        price = plan.price
        yield f"Prices of {price.vm_size} in {price.region} as of {price.as_of}, in {price.currency}."
    runs = f"{plan.runs} runs of each pool" if plan.runs != 1 else "One run of each pool"
    yield f"{runs}, seed {plan.seed}. p10–p90: eight of ten runs are between."


def _main_table(results: Sequence[VariantResult]) -> Iterator[str]:
    yield f"  {'':{_NAME}}{'makespan':^22}{'node hours':^20}  of them, in %"
    yield f"  {'':{_NAME}}{'p50':>7}  {'p10–p90':<13}{'p50':>7}  {'p10–p90':<11} used idle boot lost"
    for result in results:
        held = result.node_hours("held")
        shares = "".join(f"{100 * result.share(part).p50:5.0f}" for part in _PARTS)
        makespan = f"{'does not end':^22}" if _is_endless(result) else _three(result.makespan, duration, 13)
        yield f"{'*' if result.is_best else ' '} {_short(result)}{makespan}{_three(held, hours, 11)}{shares}"


def _second_table(comparison: Comparison) -> Iterator[str]:
    price = comparison.plan.price
    money = "" if price is None else f"{f'used + rest, {price.currency}':>17}"
    yield f"  {'':{_NAME}}{'wait p50':>8}{'p90':>7}{'p99':>7}{'peak':>6}{'requeues':>9}{'at best':>8}{money}"
    for result in comparison.results:
        waits = [duration(result.wait(percent).p50) for percent in (50, 90, 99)]
        peak = result.spread(lambda run: run["peakNodes"]).p50
        requeues = result.spread(lambda run: run["requeues"]).p50
        line = f"  {_short(result)}{waits[0]:>8}{waits[1]:>7}{waits[2]:>7}{peak:>6,.0f}{requeues:>9,.0f}"
        yield f"{line}{duration(result.bound.p50):>8}{_money(result) if money else ''}"


def _money(result: VariantResult) -> str:
    cost = result.cost
    if cost is None:
        return f"{'no price':>17}"
    return f"{f'{hours(cost[0].p50)} + {hours(cost[1].p50)}':>17}"


def _verdict(comparison: Comparison) -> Iterator[str]:
    results = comparison.results
    measure = "money" if any(result.cost for result in results) else "node hours"
    if len(results) > 1 and any(result.is_best for result in results):
        yield f"* the best: no other pool here takes both less time and less {measure}."
    yield from _folded(
        "wait: from when a task could run to when it did. at best: the longest chain of tasks, or all the "
        "work on all slots; no scheduler can beat it."
    )


def _prediction(comparison: Comparison) -> Iterator[str]:
    result, earlier = comparison.prediction, comparison.plan.earlier
    if result is None or earlier is None:
        return
    found = result.makespan
    nodes, slots = len(earlier.ready), earlier.slots
    yield from _folded(
        f"{earlier.job_id} on its {nodes} node{'s' * (nodes != 1)} of {slots} slot{'s' * (slots != 1)}: "
        f"predicted {duration(found.p50)} ({duration(found.p10)}–{duration(found.p90)}), "
        f"was {duration(earlier.makespan_s)}{'' if earlier.has_ended else ' so far'} "
        f"({found.p50 / earlier.makespan_s - 1:+.0%})."
    )
    for guess in earlier.guesses:
        yield from _folded(f"- {guess}", indent="  ")


def _warnings(comparison: Comparison) -> Iterator[str]:
    for result in comparison.results:
        for warning in comparison.warnings[result.variant.name]:
            yield from _folded(f"! {result.variant.name}: {warning}", indent="  ")


def _is_endless(result: VariantResult) -> bool:
    return result.unended == len(result.runs)


def _three(spread: Spread, show: Callable[[float], str], room: int) -> str:
    between = f"{show(spread.p10)}–{show(spread.p90)}"
    return f"{show(spread.p50):>7}  {between:<{room}}"


def _short(result: VariantResult) -> str:
    name = result.variant.name
    return f"{name if len(name) < _NAME else name[: _NAME - 2] + '…':<{_NAME}}"


def _folded(text: str, indent: str = "") -> list[str]:
    return wrap(text, WIDTH, subsequent_indent=indent, drop_whitespace=True, break_on_hyphens=False)
