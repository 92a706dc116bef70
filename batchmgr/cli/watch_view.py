"""What `batchmgr watch` draws on a terminal: always the same number of lines."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from batchmgr.cli.job_text import counts_text, end_text
from batchmgr.cli.output import one_line
from batchmgr.cli.times import shown_span
from batchmgr.client.answers import FailureGroup, Job

GROUPS = 3
"""How many lines there are for failed tasks."""

STYLES = {
    "succeeded": "green", "failed": "red", "partial": "yellow", "cancelled": "yellow", "timed_out": "red",
    "rejected": "red",
}  # fmt: skip


class WatchView:
    """Draws a job, and draws it anew when it has changed and each second."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        self._job: Job | None = None
        self._groups: Sequence[FailureGroup] = ()
        self._live = Live(console=self._console, get_renderable=self.block, refresh_per_second=2)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, job: Job, groups: Sequence[FailureGroup] | None = None) -> None:
        """Draw the job as it is now; its failed tasks as before, if no groups are given."""
        self._job = job
        self._groups = self._groups if groups is None else groups
        self._live.refresh()

    def block(self) -> RenderableType:
        """Return what is drawn: the job, a bar, why it waits or when it ends, the largest failed groups."""
        if self._job is None:
            return Text("…", style="dim")
        job = self._job
        head = Text.assemble(
            (job.job_id, "bold"),
            "  ",
            (job.state, STYLES.get(job.state, "cyan")),
            (f"  {shown_span(job.created_at, job.updated_at if job.is_final else None)}", "dim"),
        )
        bar = Table.grid(padding=(0, 2))
        bar.add_row(
            ProgressBar(
                total=job.total or 1,
                completed=job.counts.completed,
                width=28,
                complete_style="cyan",
                finished_style=STYLES.get(job.state, "cyan"),
            ),
            counts_text(job),
        )
        lines = [head, self._why(job), *self._failed()]
        for line in lines:
            line.no_wrap, line.overflow = True, "ellipsis"
        return Group(lines[0], bar, *lines[1:])

    def _why(self, job: Job) -> Text:
        if job.error:
            return Text(one_line(f"{job.error.code}: {job.error.message}"), style="red")
        if job.waiting_for:
            return Text(one_line(f"waits: {job.waiting_for.reason}"), style="yellow")
        if job.time_left:
            return Text(one_line(f"ends {end_text(job.time_left)}"), style="dim")
        return Text()

    def _failed(self) -> list[Text]:
        lines = []
        for group in self._groups[:GROUPS]:
            what = one_line(f"{group.type}: {group.message}")
            lines.append(
                Text.assemble((f"{group.count:>7,} × ", "red"), what, (f"  {group.first_task}", "dim"))
            )
        return lines + [Text() for _ in range(GROUPS - len(lines))]
