"""Ports whose calls a test can intercept."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

from batchmgr.ports import Ports

PORTS = (
    "batch",
    "jobs",
    "line",
    "listing",
    "timelines",
    "events",
    "sink",
    "queue",
    "finalize",
    "storage",
    "files",
    "failures",
    "callbacks",
    "poison",
    "dead_letters",
    "ended",
    "old_messages",
    "webhooks",
)
"""The ports with side effects."""

PURE = frozenset({"check", "blob_uri", "unsigned_access", "longest_signature", "uri"})
LISTINGS = frozenset({"list_tasks", "list_nodes", "active_jobs", "list_blobs"})

Around = Callable[[str, Callable[[], Awaitable[Any]]], Awaitable[Any]]
"""A wrapper of calls. It gets the name of the call, such as `jobs.save`, and a function that makes it."""


def intercepted(ports: Ports, around: Around) -> Ports:
    """Return ports whose calls are made by `around`. A listing is one call."""
    proxies = {name: _Proxy(name, getattr(ports, name), around) for name in PORTS}
    return replace(ports, **proxies)  # type: ignore[arg-type]


class _Proxy:
    def __init__(self, name: str, port: Any, around: Around) -> None:
        self._name, self._port, self._around = name, port, around

    def __getattr__(self, method: str) -> Any:
        real = getattr(self._port, method)
        if method in PURE:
            return real
        name = f"{self._name}.{method}"
        if method in LISTINGS:
            return lambda *args, **kwargs: self._list(name, lambda: real(*args, **kwargs))
        return lambda *args, **kwargs: self._around(name, lambda: real(*args, **kwargs))

    async def _list(self, name: str, real: Callable[[], AsyncIterator[Any]]) -> AsyncIterator[Any]:
        async def collect() -> list[Any]:
            return [item async for item in real()]

        for item in await self._around(name, collect):
            yield item
