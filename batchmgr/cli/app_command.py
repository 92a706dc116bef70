"""What the commands that call an app have in common: their options, their client, and how they end."""

import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from itertools import islice
from typing import Annotated, Any

import typer

from batchmgr.cli import INTERRUPTED
from batchmgr.cli.arguments import argument, option
from batchmgr.cli.exit_codes import NOT_FINISHED
from batchmgr.cli.profiles import chosen_address
from batchmgr.client.sync_client import Client
from batchmgr.errors import BatchmgrError

PATIENCE_S = 20.0
"""How long a command waits for an app that does not answer. Whoever follows a job has more patience."""

COMPLETION_S = 2.0
"""How long the completion of a job's id waits for the app."""

COMPLETED = 50
"""How many ids are offered."""


def known_jobs(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the newest jobs whose ids begin so, for completion. An app that can't be asked knows none."""
    try:
        url, key, profile = (ctx.params.get(name) or "" for name in ("url", "key", "profile"))
        address = chosen_address(url, key, profile)
        with Client(address.url, key=address.key, patience_s=COMPLETION_S) as app:
            return [job.job_id for job in islice(app.jobs(prefix=incomplete, page_size=COMPLETED), COMPLETED)]
    except BatchmgrError:
        return []


JobId = Annotated[str | None, argument("JOB", "the id of the job", autocompletion=known_jobs)]
JobIds = Annotated[list[str] | None, argument("JOB...", "the ids of jobs", autocompletion=known_jobs)]
Last = Annotated[bool, option("--last", text="the newest job, instead of an id")]
Timeout = Annotated[
    str,
    option(
        "--timeout",
        metavar="TIME",
        text="wait no longer than this, such as 90, 10m or 2h; the job goes on, and the exit code is 101",
    ),
]

_APP_OPTIONS: dict[str, Any] = {
    "url": Annotated[
        str,
        option(
            "--url",
            text="the address of the app (default: the variable BATCHMGR_URL, a profile, or else the "
            "local stack)",
        ),
    ],
    "key": Annotated[
        str,
        option(
            "--key",
            text="a function key of the app, or @FILE (default: the variable BATCHMGR_KEY, which others on "
            "this machine don't see, or that of the profile)",
        ),
    ],
    "profile": Annotated[
        str,
        option(
            "--profile", metavar="NAME", text="a profile, with an address and a key (docs/command-line.md)"
        ),
    ],
}


def calls_app(function: Callable[..., int]) -> Callable[..., int]:
    """Give a command the options that say which app it calls. Its first parameter is the client."""

    @wraps(function)
    def run(*, url: str, key: str, profile: str, **given: Any) -> int:
        with connected(url, key, profile) as app:
            return function(app, **given)

    own = list(inspect.signature(function).parameters.values())[1:]
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default="", annotation=annotation)
        for name, annotation in _APP_OPTIONS.items()
    ]
    run.__signature__ = inspect.Signature([*own, *added])  # type: ignore[attr-defined]
    hints = {one.name: one.annotation for one in [*own, *added]}
    run.__annotations__ = {**hints, "return": int}
    return run


@contextmanager
def connected(url: str, key: str, profile: str) -> Iterator[Client]:
    """Open a client of the app that the options name. What it waits for is said on stderr."""
    address = chosen_address(url, key, profile)

    def report(why: str, pause: float) -> None:
        print(f"{why}; trying again", file=sys.stderr)

    with Client(address.url, key=address.key, patience_s=PATIENCE_S, report=report) as app:
        yield app


def chosen_job(app: Client, job: str | None, last: bool) -> str:
    """Return the id of the job that the arguments name."""
    if bool(job) == last:
        raise typer.BadParameter("give the id of a job, or --last")
    return job or app.newest_job().job_id


def chosen_jobs(app: Client, jobs: list[str] | None, last: bool) -> list[str]:
    """Return the ids of the jobs that the arguments name, each once."""
    if bool(jobs) == last:
        raise typer.BadParameter("give the ids of jobs, or --last")
    return list(dict.fromkeys(jobs or [app.newest_job().job_id]))


@contextmanager
def following(job_id: str) -> Iterator[None]:
    """Say that the job goes on, if whoever follows it stops before its end."""
    try:
        yield
    except KeyboardInterrupt:
        print(f"\nJob {job_id} goes on. Look at it with: batchmgr status {job_id}", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None
    except TimeoutError:
        print(f"Job {job_id} has not ended in time. It goes on.", file=sys.stderr)
        raise typer.Exit(NOT_FINISHED) from None


def confirm(question: str, yes: bool) -> None:
    """Ask before something is destroyed. Without a terminal, `-y` has to say so."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise typer.BadParameter("there is no terminal to ask on: give -y to go on, or --dry-run to look")
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        print("Nothing was done.", file=sys.stderr)
        raise typer.Exit(1)


Yes = Annotated[bool, option("-y", "--yes", text="do not ask")]
DryRun = Annotated[bool, option("--dry-run", text="say what would be done, and do nothing")]
