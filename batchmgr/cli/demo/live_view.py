"""The demo's display: lines that stay and, on a terminal, a live block below them."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from batchmgr.cli.demo.job_progress import JobProgress, TaskState
from batchmgr.cli.event_text import detail

_CELLS: Mapping[TaskState, tuple[str, str]] = {
    "waiting": ("·", "dim"),
    "running": ("▪", "cyan"),
    "succeeded": ("■", "green"),
    "failed": ("✗", "bold red"),
}
_MOST_CELLS = 64
_STYLES = {"succeeded": "green", "failed": "red", "rejected": "red", "partial": "red", "timed_out": "red"}


class DemoView:
    """Prints the demo's progress. Without a terminal, it prints the lines only, without the live block."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started = time.monotonic()
        self._progress: JobProgress | None = None

    @contextmanager
    def live(self) -> Iterator[None]:
        """Show the live block until the end of the `with` block, if there is a terminal."""
        if not self._console.is_interactive:
            yield
            return
        with Live(console=self._console, get_renderable=self._block, refresh_per_second=8):
            yield

    def say(self, what: str, *, detail: str = "", style: str = "") -> None:
        """Print a line that stays, with the seconds since the demo started."""
        line = Text.assemble(
            (f"{self._elapsed:6.1f} s  ", "dim"),
            (what if not detail else f"{what:<18}", style),
            (detail, "dim"),
        )
        if self._console.is_interactive:
            self._console.print(line, overflow="ellipsis", no_wrap=True)
        else:
            self._console.print(line, soft_wrap=True)  # the whole line, whatever the width

    def show(self, event: Mapping[str, Any], progress: JobProgress) -> None:
        """Print a line for an event, and show the progress after it in the live block."""
        self._progress = progress
        name = str(event["type"]).removeprefix("batchmgr.")
        self.say(name, detail=detail(event["data"]), style=_STYLES.get(name.partition(".")[2], ""))

    @property
    def _elapsed(self) -> float:
        return time.monotonic() - self._started

    def _block(self) -> RenderableType:
        if self._progress is None:
            return Text(f"{self._elapsed:6.1f} s  …", style="dim")
        progress = self._progress
        row = Table.grid(padding=(0, 2))
        row.add_row(
            Text(f"{self._elapsed:6.1f} s", style="dim"),
            Text(f"{progress.state.value:<10}", style=_STYLES.get(progress.state, "bold")),
            ProgressBar(total=progress.total or 1, completed=progress.completed, width=36),
            Text(f"{progress.completed} of {progress.total or '?'} tasks"),
        )
        return Group(Text(), row, Text.assemble("          ", _cells(progress.cells)))


def _cells(states: tuple[TaskState, ...]) -> Text:
    if len(states) > _MOST_CELLS:
        return Text("   ".join(f"{states.count(state)} {state}" for state in _CELLS))
    return Text(" ").join(Text(*_CELLS[state]) for state in states)
