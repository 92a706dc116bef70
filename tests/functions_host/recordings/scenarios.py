"""The steps of each recorded scenario, by the name of its recording."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.functions_host.recordings.replay import Replay

Steps = Callable[[Replay], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """What is done in a scenario, and how it is run."""

    steps: Steps
    slow: bool
    """Whether it takes ten seconds or more."""


SCENARIOS: dict[str, Scenario] = {}


def scenario(*names: str, slow: bool = False) -> Callable[[Steps], Steps]:
    """Register steps for one recording or several. The hosts' options are those of the recording."""

    def register(steps: Steps) -> Steps:
        for name in names:
            SCENARIOS[name] = Scenario(steps=steps, slow=slow)
        return steps

    return register
