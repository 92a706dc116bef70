"""`batchmgr download`: downloads the results of jobs, or the files of a task."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Annotated

import msgspec

from batchmgr.cli.app_command import JobId, Last, calls_app, chosen_job
from batchmgr.cli.arguments import argument, option
from batchmgr.cli.output import Output, print_each, say
from batchmgr.client.file_flows import Progress
from batchmgr.client.sync_client import Client
from batchmgr.errors import AppError, BatchmgrError, NotFoundError


class Downloaded(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A file that was downloaded: what it is, and where it is now."""

    job_id: str
    name: str
    file: str
    size: int


@calls_app
def run(
    app: Client,
    job: JobId = None,
    names: Annotated[
        list[str] | None, argument("[NAME...]", "which results (default: all that the job has left)")
    ] = None,
    last: Last = False,
    more: Annotated[
        list[str] | None, option("--job", metavar="JOB", text="one more job; may be repeated")
    ] = None,
    task: Annotated[str, option("--task", text="the files of this task, instead of results")] = "",
    include: Annotated[
        list[str] | None,
        option("--include", metavar="PATTERN", text="only names like this, such as '*.csv'; may be repeated"),
    ] = None,
    to: Annotated[
        Path,
        option("--to", metavar="DIR", text="where to (default: here; each of several jobs in its folder)"),
    ] = Path(),
    output: Output = "text",
) -> int:
    """Download files. One that was begun is gone on with. Return 0, or 1 if a name was not found."""
    wanted = list(names or [])
    if last and job:  # then what stands first is a name
        wanted.insert(0, job)
        job = None
    jobs = [chosen_job(app, job, last), *(more or [])]
    missing: list[str] = []

    def each() -> Iterator[Downloaded]:
        for job_id in jobs:
            folder = to / job_id if len(jobs) > 1 else to
            for name in wanted if wanted and not include else _names(app, job_id, task):
                if not include or name in wanted or any(fnmatchcase(name, one) for one in include):
                    try:
                        yield _download(app, job_id, task, name, _inside(folder, name))
                    except NotFoundError as error:
                        if error.code == "JobNotFound":
                            raise
                        missing.append(name)
                        say(str(error))

    print_each(each(), output, text=lambda one: f"{one.file}  {one.size:,} bytes", name=lambda one: one.file)
    return 1 if missing else 0


def _names(app: Client, job_id: str, task: str) -> list[str]:
    """Return the names of all files that there are."""
    if task:
        return [file.path for file in app.task_files(job_id, task).files]
    outcome = app.wait(job_id, timeout_s=0)
    if outcome.outcome_uri:
        say(f"Job {job_id} has more results than these {len(outcome.results)}: name others to download them.")
    return [result.name for result in outcome.results]


def _inside(folder: Path, name: str) -> Path:
    """Return where a file goes. Raise BatchmgrError if its name leads out of the folder."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts or "\\" in name:
        raise BatchmgrError(f"{name!r} is not downloaded: its name leads out of the folder")
    return folder / path


def _download(app: Client, job_id: str, task: str, name: str, target: Path) -> Downloaded:
    done = Progress(0, 0)
    steps = (
        app.download_task_file(job_id, task, name, target)
        if task
        else app.download_result(job_id, name, target)
    )
    try:
        for done in steps:
            if done.done < done.total:
                say(f"{target}  {done.done / done.total:.0%} of {done.total:,} bytes")
    except AppError as error:
        raise type(error)(f"{name}: {error}", status=error.status, code=error.code) from error
    return Downloaded(job_id=job_id, name=name, file=str(target), size=target.stat().st_size)
