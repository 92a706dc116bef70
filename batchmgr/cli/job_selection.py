"""Which jobs a command acts on, and what it asks before it destroys something."""

from collections.abc import Callable, Iterator
from typing import Annotated

import msgspec
import typer

from batchmgr.cli.app_command import chosen_jobs, confirm
from batchmgr.cli.arguments import option
from batchmgr.cli.output import print_each, say
from batchmgr.client.sync_client import Client

State = Annotated[
    str, option("--state", text="only jobs in these states, such as running,failed; or active, or ended")
]
Prefix = Annotated[str, option("--prefix", text="only jobs whose ids begin so")]
Metadata = Annotated[
    list[str] | None,
    option("--metadata", metavar="KEY=VALUE", text="only jobs with this metadata; may be repeated"),
]

Since = Annotated[
    str, option("--since", metavar="TIME", text="only jobs since then: 2026-11-28T10:00, or 2h, 7d ago")
]
Until = Annotated[str, option("--until", metavar="TIME", text="only jobs until then")]


class JobDone(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A job that something was done to. `done` is false if it was only said what would be done."""

    job_id: str
    done: bool


def metadata_of(pairs: list[str] | None) -> dict[str, str]:
    """Return the pairs of `--metadata`."""
    found = {}
    for pair in pairs or []:
        key, equals, value = pair.partition("=")
        if not (key and equals):
            raise typer.BadParameter(f"{pair!r} does not have the form KEY=VALUE")
        found[key] = value
    return found


def selected_jobs(
    app: Client,
    jobs: list[str] | None,
    last: bool,
    state: str,
    prefix: str,
    metadata: list[str] | None,
    *,
    among: str,
) -> list[str]:
    """Return the ids of the jobs that are named, or selected among those that are `active` or `ended`."""
    if not (state or prefix or metadata):
        return chosen_jobs(app, jobs, last)
    if jobs or last:
        raise typer.BadParameter("give ids, or select jobs by --state, --prefix and --metadata: not both")
    is_ended = among == "ended"
    found = app.jobs(state=state or among, prefix=prefix, metadata=metadata_of(metadata))
    return [job.job_id for job in found if job.is_final is is_ended]


def act_on_jobs(
    jobs: list[str],
    act: Callable[[str], object],
    *,
    words: tuple[str, str],
    dry_run: bool,
    yes: bool,
    output: str,
) -> int:
    """Do something to each job, after it was confirmed. `words`: what is asked, and what is said of each."""
    verb, done = words
    if not jobs:
        say("There are no such jobs.")
        return 0
    if not dry_run:
        shown = ", ".join(jobs[:5]) + (f" and {len(jobs) - 5:,} more" if len(jobs) > 5 else "")
        confirm(f"{verb} {shown}?", yes)

    def each() -> Iterator[JobDone]:
        for job_id in jobs:
            if not dry_run:
                act(job_id)
            yield JobDone(job_id=job_id, done=not dry_run)

    said = f"would {verb.lower()}: {{}}" if dry_run else f"Job {{}} {done}."
    print_each(each(), output, text=lambda one: said.format(one.job_id), name=lambda one: one.job_id)
    return 0
