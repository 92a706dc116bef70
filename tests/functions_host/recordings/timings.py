"""Which measured times of a recording a host must keep, and how closely.

Times that are not listed are for people to read.
"""

from collections.abc import Callable
from functools import partial
from itertools import zip_longest
from typing import Any

SECONDS = 0.5
"""How much a time may differ on a machine that does other things as well."""
STARTUP_SECONDS = 6.0
"""How much a time may differ that contains the start of a host: a second, or several on a busy machine."""
_RANDOM_PART = 0.2
"""Random pauses lie up to a fifth above or below their nominal length."""
_POLL = 1
"""The longest pause between two polls in scenarios of retries."""
_INTERVAL = 5
"""The timers that are told by the second run every five seconds."""

Rule = Callable[[list[Any], Any], bool]
"""Takes what was measured in each recorded run and what was measured now. Returns whether they agree."""


def agrees(name: str, recorded: list[Any], measured: Any) -> bool:
    """Return whether a measured time agrees with the recorded ones, or need not."""
    rule = _RULES.get(name)
    return rule is None or rule(recorded, measured)


def _like_one(recorded: list[Any], measured: Any, *, tolerance: float) -> bool:
    """What was measured is that of one of the recorded runs. Lists and objects are compared part by part."""
    return any(_same(one, measured, tolerance) for one in recorded)


def _same(recorded: Any, measured: Any, tolerance: float) -> bool:
    if isinstance(recorded, list) and isinstance(measured, list):
        pairs = zip(recorded, measured, strict=False)
        return len(recorded) == len(measured) and all(_same(one, other, tolerance) for one, other in pairs)
    if isinstance(recorded, dict) and isinstance(measured, dict):
        same_keys = recorded.keys() == measured.keys()
        return same_keys and all(_same(recorded[key], measured[key], tolerance) for key in recorded)
    if isinstance(recorded, (int, float)) and isinstance(measured, (int, float)):
        return abs(recorded - measured) <= tolerance
    return bool(recorded == measured)


def _in_range(recorded: list[Any], measured: Any, *, tolerance: float = SECONDS, part: float = 0.0) -> bool:
    """A number lies in the recorded range, widened by some seconds.

    If a random `part` of a nominal length was added or taken away, in the recording and now, the range holds
    all lengths that are possible then.
    """
    if measured is None or None in recorded:
        return measured in recorded
    spread = (1 + part) / (1 - part)
    low = min(*recorded, max(recorded) / spread)
    high = max(*recorded, min(recorded) * spread)
    return bool(low - tolerance <= measured <= high + tolerance)


def _pauses(recorded: list[Any], measured: Any) -> bool:
    """Random pauses lie in the recorded ranges, one by one, as far as both lists go."""
    ranges = [[pause for pause in column if pause is not None] for column in zip_longest(*recorded)]
    pairs = list(zip(ranges, measured, strict=False))
    return len(pairs) > 1 and all(_in_range(seen, pause, part=_RANDOM_PART) for seen, pause in pairs)


def _retries(recorded: list[Any], measured: Any) -> bool:
    """Attempts follow a failure as was recorded. If that takes seconds, it may take one poll more."""
    return any(
        len(one) == len(measured)
        and all(
            -SECONDS <= now - then <= SECONDS + (then > 1) for then, now in zip(one, measured, strict=True)
        )
        for one in recorded
    )


def _renewals(recorded: list[Any], measured: Any) -> bool:
    """The pauses of a lease are those that were recorded, but for what follows at once."""
    long = [[pause for pause in pauses if pause > 1] for pauses in [*recorded, measured]]
    return _like_one(long[:-1], long[-1], tolerance=1)


def _on_the_clock(recorded: list[Any], measured: Any) -> bool:
    """Starts come as many seconds after a full interval of five seconds. Scenarios begin in any of those."""
    return any(
        len(one) == len(measured)
        and all(
            (now - then + SECONDS) % _INTERVAL <= 2 * SECONDS for then, now in zip(one, measured, strict=True)
        )
        for one in recorded
    )


def _no_more(recorded: list[Any], measured: Any) -> bool:
    """A number of runs is not above the recorded one, but for two that chance allows."""
    return bool(0 < measured <= max(recorded) + 2)


_exactly = partial(_like_one, tolerance=SECONDS)
_after_a_start = partial(_like_one, tolerance=STARTUP_SECONDS)

_RULES: dict[str, Rule] = {
    "seconds from a failure to the next attempt": _retries,
    "seconds until all were done": _exactly,
    "seconds from SIGTERM to the end of the process": partial(_like_one, tolerance=1),
    "seconds from the fetch until the message is visible again, as storage answers": partial(
        _in_range, tolerance=5
    ),
    "seconds from the fetch to each renewal": partial(_like_one, tolerance=2),
    "seconds from the message to its start": _in_range,
    "pauses between polls of an empty queue, s": _pauses,
    "pauses after the message, s": _pauses,
    "pauses between polls of the missing queue, s": _pauses,
    "pauses between listings of the container, s": _pauses,
    "most at once": _no_more,
    "seconds between starts": _exactly,
    "second of the minute at each start": _on_the_clock,
    "status at each start, in seconds from it": _after_a_start,
    "seconds from the start of the host to the late run": _in_range,
    "seconds from the start of the host to the first run": _in_range,
    "stored before the first run, in seconds from the start": partial(_like_one, tolerance=1.5),
    "stored after the first run, in seconds from that run": partial(_like_one, tolerance=1.5),
    "pauses between acquiring and renewals, s": _renewals,
    "seconds until the other host's first run": partial(_in_range, tolerance=_INTERVAL),
    "runs in the outage": partial(_in_range, tolerance=1),
    "seconds from its end to the next run": partial(_in_range, tolerance=1),
}
