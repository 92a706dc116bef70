"""When the poller has to look into a record again that it has just seen.

Until then the index of active jobs says all that it needs, see `model/active_job.py`.
"""

from datetime import datetime, timedelta

from batchmgr.model.active_job import LONGEST_PAUSE
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_states import JobState
from batchmgr.model.receivers import next_attempt
from batchmgr.model.webhook import next_webhook_look
from batchmgr.steps.watch import next_look_at

SUBMISSION_TIMEOUT = timedelta(seconds=30)
"""How long a queued or submitting job may be idle before the poller enqueues its submission again."""

FRESH = timedelta(seconds=10)
"""How long the poller looks at a job each time that was accepted or put off: most are submitted by then."""


def next_look(record: JobRecord, now: datetime) -> datetime | None:
    """Return when the record has to be looked into again; None for the next poll.

    Others wake the job before: whoever submits, cancels or asks for it. A submission need not wake a job that
    `is_looked_at_each_time`.
    """
    look, webhooks = _next_look(record, now), next_webhook_look(record.webhooks, now)
    if look is None or webhooks is None:
        return look
    return min(look, webhooks) if webhooks > now else None


def _next_look(record: JobRecord, now: datetime) -> datetime | None:
    if record.unsent is not None:
        return None
    if record.retry_at is not None and now < record.retry_at:
        return record.retry_at
    match record.state:
        case JobState.QUEUED | JobState.SUBMITTING:
            is_fresh = record.claim is not None or now < record.updated_at + FRESH
            if record.must_end or record.submission.awaits_tasks or is_fresh:
                return None
            return record.updated_at + SUBMISSION_TIMEOUT
        case JobState.RUNNING:
            return _next_look_while_running(record, now)
        case JobState.FINALIZING:  # it ends soon, and then whoever ends it may die before the callback
            return None
        case _:
            return next_attempt(record)


def is_looked_at_each_time(record: JobRecord, now: datetime) -> bool:
    """Return whether no poll can have noted a later look at a job that waits for its submission."""
    return record.obstacle is None and now < record.updated_at + FRESH / 2  # clocks differ


def _next_look_while_running(record: JobRecord, now: datetime) -> datetime | None:
    counts, run = record.run.counts, record.run
    is_nearly_over = counts.completed >= run.total - run.manifest_due
    if record.must_end or record.claim is not None or is_nearly_over:
        return None
    looks = [next_look_at(record, is_running=counts.running > 0)]
    if run.warn_at is not None:
        looks.append(run.warn_at)
    if counts.running == 0 or run.can_report:
        # The end of the Batch job, or the report of a task, does not change the counts.
        looks.append(now + min((now - record.updated_at) / 4, LONGEST_PAUSE))
    return min(looks)
