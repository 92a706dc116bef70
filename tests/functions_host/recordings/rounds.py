"""Replays of many scenarios at the same time: most of their time is waiting."""

import asyncio
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.functions_host.recordings import blob_scenarios as _blob_scenarios
from tests.functions_host.recordings import queue_fault_scenarios as _queue_fault_scenarios
from tests.functions_host.recordings import queue_scenarios as _queue_scenarios
from tests.functions_host.recordings import timer_fault_scenarios as _timer_fault_scenarios
from tests.functions_host.recordings import timer_scenarios as _timer_scenarios
from tests.functions_host.recordings.comparison import Difference, compare
from tests.functions_host.recordings.replay import load_recording, replay_of
from tests.functions_host.recordings.scenarios import SCENARIOS

# Imported for the scenarios that they register.
__all__ = [
    "_blob_scenarios",
    "_queue_fault_scenarios",
    "_queue_scenarios",
    "_timer_fault_scenarios",
    "_timer_scenarios",
]

RECORDINGS = Path(__file__).parent / "listeners"
_HOSTS_STARTING_AT_ONCE = 2
_SCENARIOS_AT_ONCE = 16
"""More would take processor time from each other. One scenario takes longer than the others in turn."""

Outcome = list[Difference] | Exception
"""What differs in one replay, or why it was broken off."""


@dataclass(frozen=True, kw_only=True)
class Listed:
    """The facts of one scenario that differences.toml lists."""

    always: frozenset[str] = frozenset()
    sometimes: frozenset[str] = frozenset()
    """Those that differ by chance."""


@cache
def listed_differences() -> dict[str, Listed]:
    """Return the facts that are listed as different, by scenario."""
    document = tomllib.loads((Path(__file__).parent / "differences.toml").read_text())
    return {
        name: Listed(
            always=frozenset(entry.get("always", {})),
            sometimes=frozenset(entry.get("sometimes", {})),
        )
        for name, entry in document.items()
    }


def is_expected(name: str, outcome: Outcome) -> bool:
    """Return whether a replay differs in what is listed, and in nothing else."""
    if isinstance(outcome, Exception):
        return False
    listed = listed_differences().get(name, Listed())
    found = {difference.fact for difference in outcome}
    return listed.always <= found <= listed.always | listed.sometimes


def play_round(names: Iterable[str], account: Callable[[], str], directory: Path) -> dict[str, Outcome]:
    """Play scenarios, all at the same time. What is not as expected then is played again, alone."""
    outcomes = asyncio.run(_play_together(names, account, directory / "together"))
    for name, outcome in outcomes.items():
        if not is_expected(name, outcome):
            outcomes |= asyncio.run(_play_together([name], account, directory / "alone"))
    return outcomes


async def _play_together(
    names: Iterable[str], account: Callable[[], str], directory: Path
) -> dict[str, Outcome]:
    slots = asyncio.Semaphore(_SCENARIOS_AT_ONCE)
    gate = asyncio.Semaphore(_HOSTS_STARTING_AT_ONCE)

    async def play(name: str) -> Outcome:
        async with slots:
            return await _play(name, account(), directory / name, gate)

    longest_first = sorted(names, key=lambda name: -SCENARIOS[name].seconds)
    outcomes = await asyncio.gather(*map(play, longest_first))
    return dict(zip(longest_first, outcomes, strict=True))


async def _play(name: str, connection_string: str, directory: Path, gate: asyncio.Semaphore) -> Outcome:
    recording = load_recording(RECORDINGS / f"{name}.json")
    try:
        async with replay_of(recording, connection_string, directory, gate) as replay:
            await SCENARIOS[name].steps(replay)
            return compare(recording, await replay.result())
    except Exception as error:
        return error
