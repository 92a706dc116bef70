"""A progress bar of a job, on a terminal or in a notebook."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from batchmgr.client.answers import Job


@contextmanager
def progress_bar() -> Iterator[Callable[[Job], None]]:
    """Draw a bar until the end of the `with` block. Yield what shows a job in it."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns) as progress:
        bar = progress.add_task("", total=None)

        def show(job: Job) -> None:
            failed = f", {job.counts.failed:,} failed" if job.counts.failed else ""
            said = f"{job.job_id} {job.state}{failed}"
            progress.update(bar, description=said, total=job.total or None, completed=job.counts.completed)

        yield show
