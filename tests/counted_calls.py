"""Counts calls of functions: the same work has the same count on every machine, however busy it is."""

import itertools
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Calls:
    """How many functions of Python and of C have been called."""

    def __init__(self) -> None:
        self._counter = itertools.count()  # its `next` cannot be interrupted by another thread
        self.number = 0

    def count(self, _frame: FrameType, event: str, _arg: object) -> None:
        """Count one event of `sys.setprofile`."""
        if event in {"call", "c_call"}:
            self.number = next(self._counter) + 1


@contextmanager
def counted_calls() -> Iterator[Calls]:
    """Count the calls of the block, in this thread and in those that it starts.

    Not seen is how long a single function of C takes.
    """
    calls = Calls()
    threading.setprofile(calls.count)
    sys.setprofile(calls.count)
    try:
        yield calls
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
