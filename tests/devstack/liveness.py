"""Finds out which processes are alive, for tests that none is left behind."""

import asyncio
from collections.abc import Callable
from pathlib import Path


def is_alive(pid: int) -> bool:
    """Return whether the process is alive. A zombie is not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] not in {"Z", "X"}


async def until(condition: Callable[[], bool], timeout_s: float = 60) -> None:
    """Wait for the condition. Raises TimeoutError if it does not become true."""
    async with asyncio.timeout(timeout_s):
        while True:
            if condition():
                return
            await asyncio.sleep(0.01)


def descendants(pid: int) -> set[int]:
    """Return the ids of all descendants of the process."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                status = (entry / "stat").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            parents[int(entry.name)] = int(status.rpartition(")")[2].split()[1])
    found: set[int] = set()
    newest = {pid}
    while newest:
        newest = {child for child, parent in parents.items() if parent in newest} - found
        found |= newest
    return found
