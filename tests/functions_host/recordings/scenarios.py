"""The steps of each recorded scenario, by the name of its recording."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.functions_host.recordings.replay import Replay

Steps = Callable[[Replay], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """What is done in a scenario, and how it is run."""

    steps: Steps
    seconds: int
    """About how long it takes, if that is ten seconds or more, else 0."""


SCENARIOS: dict[str, Scenario] = {}


def scenario(*names: str, seconds: int = 0) -> Callable[[Steps], Steps]:
    """Register steps for one recording or several. The hosts' options are those of the recording."""

    def register(steps: Steps) -> Steps:
        for name in names:
            SCENARIOS[name] = Scenario(steps=steps, seconds=seconds)
        return steps

    return register
