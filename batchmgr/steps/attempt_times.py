"""When a callback or a batch of events is tried, how long the receiver has, and how long that is claimed."""

from datetime import timedelta

FIRST_LIMIT = timedelta(seconds=10)
LIMIT = timedelta(seconds=30)
"""How long the receiver has to answer: at the first attempt, and at the later ones."""

FIRST_LEASE = timedelta(seconds=20)
LEASE = timedelta(seconds=60)
"""How long such an attempt holds its claim. Then another may begin."""

PAUSES = tuple(timedelta(seconds=s) for s in (5, 30, 120, 600, 1800, 3600, 7200, 14400, 28800))
"""Pauses between attempts: ten attempts over about sixteen hours, or fewer if the app says so."""


def limit_and_lease(attempts: int) -> tuple[timedelta, timedelta]:
    """Return how long the next attempt may take, and how long it is claimed, after so many attempts."""
    return (LIMIT, LEASE) if attempts else (FIRST_LIMIT, FIRST_LEASE)


def pause_after(attempts: int, asked: timedelta | None) -> timedelta:
    """Return the pause after so many attempts that failed: longer if the receiver has asked for it."""
    return max(PAUSES[attempts - 1], asked or timedelta(0))
