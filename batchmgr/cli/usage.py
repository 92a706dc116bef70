"""`batchmgr usage`: what jobs have used, and what that has cost; by job, or by a key of their metadata."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Annotated

import msgspec
import typer

from batchmgr.cli.app_command import JobIds, Last, calls_app, chosen_jobs
from batchmgr.cli.arguments import option
from batchmgr.cli.job_selection import Metadata, Prefix, Since, State, Until, metadata_of
from batchmgr.cli.output import Output, one_line, print_each, say, table
from batchmgr.cli.times import moment_of, shown_span
from batchmgr.client.answers import Usage
from batchmgr.client.sync_client import Client

MOST_JOBS = 1000
"""How many jobs are added up, unless the caller asks for more: each is one request."""

WITHOUT = "(without)"
"""The group of the jobs that don't have the key."""


class JobUsage(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a job has used."""

    job_id: str
    usage: Usage


class GroupUsage(msgspec.Struct, kw_only=True, rename="camel"):
    """What the jobs have used that have the same value in their metadata.

    `cost` is by currency, idle included. `jobs_without_cost` are those of which no cost is known.
    """

    group: str
    jobs: int = 0
    tasks: int = 0
    failed: int = 0
    node_hours_used: float = 0.0
    node_hours_idle: float = 0.0
    core_hours: float = 0.0
    cost: dict[str, float] = {}
    jobs_without_cost: int = 0

    def add(self, usage: Usage) -> None:
        """Add what a job has used."""
        self.jobs += 1
        self.tasks += usage.tasks
        self.failed += usage.failed
        self.node_hours_used = round(self.node_hours_used + usage.node_hours_used.total, 4)
        self.node_hours_idle = round(
            self.node_hours_idle + (usage.node_hours_idle.total if usage.node_hours_idle else 0.0), 4
        )
        self.core_hours = round(self.core_hours + (usage.core_hours or 0.0), 4)
        if usage.cost is None:
            self.jobs_without_cost += 1
            return
        currency, amount = usage.cost.currency, usage.cost.used + (usage.cost.idle or 0.0)
        self.cost[currency] = round(self.cost.get(currency, 0.0) + amount, 6)


@calls_app
def run(
    app: Client,
    jobs: JobIds = None,
    last: Last = False,
    by: Annotated[
        str, option("--by", metavar="KEY", text="add jobs up by their value of this key of the metadata")
    ] = "",
    state: State = "",
    prefix: Prefix = "",
    metadata: Metadata = None,
    since: Since = "",
    until: Until = "",
    limit: Annotated[
        int, option("--limit", min=1, text=f"how many jobs to add up (default {MOST_JOBS})")
    ] = MOST_JOBS,
    output: Output = "text",
) -> int:
    """Print what jobs have used. Return 0."""
    if not by:
        if state or prefix or metadata or since or until:
            raise typer.BadParameter("give the ids of jobs; to select and add up jobs, give --by")
        found = (JobUsage(job_id=one, usage=app.usage(one)) for one in chosen_jobs(app, jobs, last))
        print_each(found, output, text=usage_text, name=lambda one: one.job_id)
        return 0
    if jobs or last:
        raise typer.BadParameter("give the ids of jobs, or --by: not both")
    listed = app.jobs(
        state=state,
        prefix=prefix,
        metadata=metadata_of(metadata),
        since=moment_of(since),
        until=moment_of(until),
        page_size=min(limit + 1, 500),
    )
    some = list(islice(listed, limit + 1))
    groups = _added_up((job.metadata.get(by, WITHOUT), app.usage(job.job_id)) for job in some[:limit])
    if output == "text":
        print(_groups_text(by, groups)) if groups else say("There are no such jobs.")
    else:
        print_each(groups, output, text=str, name=lambda group: group.group)
    if len(some) > limit:
        say(f"There are more than {limit} jobs: give a higher --limit, or say which.")
    return 0


def _added_up(usages: Iterable[tuple[str, Usage]]) -> list[GroupUsage]:
    groups = dict[str, GroupUsage]()
    for value, usage in usages:
        groups.setdefault(value, GroupUsage(group=value)).add(usage)
    return sorted(groups.values(), key=lambda group: -group.node_hours_used)


def usage_text(one: JobUsage) -> str:
    """Return what a job has used: a line for each kind of task, then the nodes, then the cost."""
    usage = one.usage
    header = ("KIND", "TASKS", "FAILED", "RUN TIME", "LONGEST", "MEAN WAIT", "LOST")
    rows = [
        (
            one_line(kind.kind),
            f"{kind.tasks:,}",
            f"{kind.failed:,}",
            _span(kind.task_seconds),
            _span(kind.longest_seconds),
            _span(kind.mean_wait_seconds),
            f"{kind.lost_attempts:,}",
        )
        for kind in usage.kinds
    ]
    lines = [one.job_id, *(f"  {line}" for line in table(header, rows).splitlines())]
    return "\n".join([*lines, *(f"  {line}" for line in _node_lines(usage))])


def _node_lines(usage: Usage) -> Iterator[str]:
    if usage.vm_size:
        slots = f"{usage.slots_per_node} slot{'s'[: usage.slots_per_node > 1]} a node"
        yield f"{usage.vm_size}, {usage.os}, {slots}"
    used = usage.node_hours_used
    parts = [(used.dedicated, "dedicated"), (used.spot, "spot"), (used.unknown, "of nodes that are gone")]
    told = ", ".join(f"{hours:.2f} {what}" for hours, what in parts if hours)
    if told:
        yield f"node hours used: {told}" + (
            f"; core hours: {usage.core_hours:.2f}" if usage.core_hours is not None else ""
        )
    if usage.node_hours_idle is not None:
        share = f"; {usage.utilisation:.0%} of the slots were used" if usage.utilisation is not None else ""
        yield f"node hours idle: {usage.node_hours_idle.total:.2f}{share}"
    if (cost := usage.cost) is not None:
        idle = f", and {cost.idle:.2f} idle" if cost.idle is not None else ""
        as_of = f", prices of {cost.as_of:%Y-%m-%d}" if cost.as_of else ""
        yield f"cost: {cost.used:.2f} {cost.currency} used{idle} ({cost.region}{as_of})"


def _groups_text(by: str, groups: list[GroupUsage]) -> str:
    header = (by.upper(), "JOBS", "TASKS", "FAILED", "NODE HOURS", "IDLE", "CORE HOURS", "COST")
    return table(header, [_group_row(group) for group in groups])


def _group_row(group: GroupUsage) -> tuple[str, ...]:
    cost = ", ".join(f"{amount:.2f} {currency}" for currency, amount in group.cost.items())
    without = f"{group.jobs_without_cost:,} unknown" if group.jobs_without_cost else ""
    return (
        one_line(group.group),
        f"{group.jobs:,}",
        f"{group.tasks:,}",
        f"{group.failed:,}",
        f"{group.node_hours_used:.2f}",
        f"{group.node_hours_idle:.2f}",
        f"{group.core_hours:.2f}",
        ", ".join(filter(None, (cost, without))),
    )


def _span(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    if seconds < 10:
        return f"{seconds:.1f} s"
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    return shown_span(begin, begin + timedelta(seconds=seconds))
