"""When a listener polls its queue: the back-off while it is empty, and notifications that end a pause."""

import asyncio
import random
from collections import defaultdict

_FIRST_DELAY = 0.1
_SPREAD = 0.2


def polling_delay(empty_polls: int, *, longest: float, spread: float) -> float:
    """Return the pause in seconds after `empty_polls` empty polls in a row.

    The pause starts at 100 ms and grows exponentially up to `longest`. `spread`, between -0.2 and 0.2, scales
    the growing part, so that several hosts do not poll at the same moments.
    """
    # Beyond this the pause is longer than any polling interval, and the power would overflow.
    doublings = min(empty_polls, 32)
    growth = _FIRST_DELAY * 2 ** (doublings - 1) if doublings else 0.0
    return min(_FIRST_DELAY + growth * (1 + spread), longest)


class PollingBackoff:
    """Counts the empty polls in a row and gives the pause after each of them."""

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._empty_polls = 0

    def reset(self) -> None:
        """Start again with the shortest pause. Call this after a poll that returned messages."""
        self._empty_polls = 0

    def next_delay(self) -> float:
        """Count one empty poll and return the pause after it, in seconds."""
        # Spreading polls needs no unpredictable numbers.
        spread = random.uniform(-_SPREAD, _SPREAD)  # noqa: S311
        delay = polling_delay(self._empty_polls, longest=self._longest, spread=spread)
        self._empty_polls += 1
        return delay


class QueueNotifier:
    """Ends the pause of a queue's listener when this host itself sends a message to the queue.

    The real host does so for the poison queue and the blob trigger queue, and not for queue outputs.
    """

    def __init__(self) -> None:
        self._events: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    def register(self, queue: str) -> asyncio.Event:
        """Return an event that is set each time this host sends something to the queue of this name."""
        event = asyncio.Event()
        self._events[queue].add(event)
        return event

    def notify(self, queue: str) -> None:
        """Let the listeners of a queue poll at once. Call this after sending a message to the queue."""
        for event in self._events[queue]:
            event.set()
