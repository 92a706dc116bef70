"""The time limit of one invocation."""

import asyncio

TIME_LIMIT_SECONDS = 100
"""Shorter than `functionTimeout` in host.json. When that is over, the host restarts the whole worker process,
with everything else that is running in it."""


def time_limit() -> asyncio.Timeout:
    """Return a context that raises TimeoutError when an invocation has taken too long."""
    return asyncio.timeout(TIME_LIMIT_SECONDS)
