"""How long a listener pauses between two looks at an empty queue."""

import random

_FIRST_DELAY = 0.1
_SPREAD = 0.2


def idle_delay(misses: int, *, longest: float, spread: float) -> float:
    """Return the pause in seconds after `misses` empty looks in a row.

    It grows exponentially from 100 ms to `longest`; `spread` between -0.2 and 0.2 shifts the growing part, so
    that many hosts do not poll in step.
    """
    # Beyond this the pause is longer than any polling interval, and the power would overflow.
    doublings = min(misses, 32)
    growth = _FIRST_DELAY * 2 ** (doublings - 1) if doublings else 0.0
    return min(_FIRST_DELAY + growth * (1 + spread), longest)


class IdleBackoff:
    """Counts empty looks in a row and says how long to pause after each."""

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._misses = 0

    def found(self) -> None:
        """There was work: the next empty look pauses briefly again."""
        self._misses = 0

    def missed(self) -> float:
        """There was none: return the pause in seconds."""
        # Spreading polls needs no unpredictable numbers.
        spread = random.uniform(-_SPREAD, _SPREAD)  # noqa: S311
        delay = idle_delay(self._misses, longest=self._longest, spread=spread)
        self._misses += 1
        return delay
