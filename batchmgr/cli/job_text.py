"""What is said of a job: on one line, and in full."""

from collections.abc import Sequence

from batchmgr.cli.output import coloured, one_line
from batchmgr.cli.times import shown_span, shown_time
from batchmgr.client.answers import Accepted, FailureGroup, Job, Outcome, TimeLeft, Webhook

MOST_GROUPS = 5


def counts_text(job: Job | Outcome) -> str:
    """Return how far the tasks of a job have come."""
    counts = job.counts
    if not job.total:
        return "no tasks yet"
    parts = [f"{counts.completed:,} of {job.total:,} tasks"]
    for number, word in ((counts.failed, "failed"), (counts.running, "running"), (counts.active, "waiting")):
        if number:
            parts.append(f"{number:,} {word}")
    return ", ".join(parts)


def job_line(job: Job) -> str:
    """Return a job on one line: its state, its tasks, and why it waits or failed."""
    why = ""
    if job.error:
        why = f"  {job.error.code}: {one_line(job.error.message)}"
    elif job.waiting_for:
        why = f"  {job.waiting_for.code}: {one_line(job.waiting_for.reason)}"
    return f"{coloured(job.state)}  {counts_text(job)}{why}"


def job_text(job: Job, groups: Sequence[FailureGroup] = ()) -> str:
    """Return all that matters of a job, line by line."""
    ended = job.updated_at if job.is_final else None
    took = shown_span(job.created_at, ended)
    facts = [
        ("tasks", counts_text(job)),
        ("took" if job.is_final else "for", took),
        ("workload", job.workload),
        ("pool", job.pool_id),
        ("metadata", ", ".join(f"{name}={value}" for name, value in job.metadata.items())),
        ("created", shown_time(job.created_at)),
        ("rerun of", job.rerun_of),
    ]
    if (why := job.waiting_for) is not None:
        place = f" (place {why.place} in the line)" if why.place else ""
        facts += [("waits", f"{why.code}: {why.reason}{place}"), ("advice", why.advice)]
    if (left := job.time_left) is not None:
        facts.append(("ends", end_text(left)))
    if job.error:
        facts.append(("error", f"{job.error.code}: {job.error.message}"))
    if job.callback:
        facts.append(("callback", " ".join(filter(None, (job.callback.state, job.callback.last_error)))))
    facts += [("webhook", text) for text in map(_webhook_text, job.webhooks) if text]
    lines = [f"{job.job_id}  {coloured(job.state)}"]
    lines += [f"  {name:<9} {one_line(value)}" for name, value in facts if value]
    return "\n".join([*lines, *group_lines(groups)])


def _webhook_text(webhook: Webhook) -> str:
    """Return what is wrong with a webhook; nothing if it is told, or is just being told."""
    if webhook.state != "dead" and not webhook.last_error:
        return ""
    return f"{webhook.receiver} {webhook.state}: {webhook.last_error}"


def end_text(left: TimeLeft) -> str:
    """Return when a job will have ended, and what that follows from."""
    return f"about {shown_time(left.ends_at)}: {left.basis}"


def group_lines(groups: Sequence[FailureGroup], most: int = MOST_GROUPS) -> list[str]:
    """Return a line for each group of failed tasks, the largest first."""
    if not groups:
        return []
    lines = ["", "  failed tasks"]
    for group in groups[:most]:
        what = one_line(f"{group.type}: {group.message}")
        lines.append(f"  {group.count:>7,} × {what}  (first: {group.first_task})")
    if len(groups) > most:
        lines.append(f"          … and {len(groups) - most:,} more groups")
    return lines


def outcome_line(outcome: Outcome) -> str:
    """Return how a job ended, on one line."""
    why = f"  {outcome.error.code}: {one_line(outcome.error.message)}" if outcome.error else ""
    return f"{outcome.job_id}  {coloured(outcome.state)}  {counts_text(outcome)}{why}"


def accepted_text(accepted: Accepted) -> str:
    """Return what is said of a job that was accepted."""
    return f"Job {accepted.job_id} is {accepted.state}. Follow it with: batchmgr watch {accepted.job_id}"
