"""The states of a job in batchmgr, and which may follow which: one table, no I/O, no clock."""

from enum import StrEnum


class JobState(StrEnum):
    """Where a job is on its way. The last six are ends: nothing follows them."""

    QUEUED = "queued"
    SUBMITTING = "submitting"
    RUNNING = "running"
    FINALIZING = "finalizing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    PARTIAL = "partial"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"
    REJECTED = "rejected"

    @property
    def is_final(self) -> bool:
        """Whether the job has come to its end."""
        return not TRANSITIONS[self]


TRANSITIONS: dict[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.SUBMITTING, JobState.FINALIZING, JobState.REJECTED}),
    JobState.SUBMITTING: frozenset({JobState.RUNNING, JobState.FINALIZING, JobState.REJECTED}),
    JobState.RUNNING: frozenset({JobState.FINALIZING}),
    JobState.FINALIZING: frozenset(
        {JobState.SUCCEEDED, JobState.FAILED, JobState.PARTIAL, JobState.CANCELLED, JobState.TIMED_OUT}
    ),
    JobState.SUCCEEDED: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.PARTIAL: frozenset(),
    JobState.CANCELLED: frozenset(),
    JobState.TIMED_OUT: frozenset(),
    JobState.REJECTED: frozenset(),
}


def may_follow(source: JobState, target: JobState) -> bool:
    """Whether a job in `source` may become `target`."""
    return target in TRANSITIONS[source]
