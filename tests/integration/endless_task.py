"""A task that does not end by itself, and whose processes can be observed."""

from pathlib import Path

from tests.devstack.liveness import is_alive
from tests.integration.messages import Json, task
from tests.integration.wait_until import until


def endless(directory: Path) -> Json:
    """Return a task that takes ten minutes and writes its process ids to the directory."""
    return task("endless", f"sleep 600 & echo $! > {directory}/child; echo $$ > {directory}/shell; wait")


async def pids_of(directory: Path) -> list[int]:
    """Wait until the task runs. Return the ids of its processes."""

    async def written() -> list[int]:
        files = [directory / "child", directory / "shell"]
        texts = [file.read_text() for file in files if file.exists()]
        return [int(text) for text in texts] if len(texts) == len(files) and all(texts) else []

    return await until(written)


async def ended(pids: list[int]) -> None:
    """Wait until none of the processes is alive."""

    async def dead() -> bool:
        return not any(map(is_alive, pids))

    await until(dead)
