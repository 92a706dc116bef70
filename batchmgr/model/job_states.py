"""The states of a job, and the table of which state may follow which."""

from enum import StrEnum


class JobState(StrEnum):
    """The state of a job in batchmgr. The last six are final: no state follows them.

    `queued`: accepted, not in Azure Batch yet. `submitting`: the Batch job and its tasks are being added.
    `running`: all tasks are in Azure Batch. `finalizing`: the tasks are over, and the outcome is worked out.
    `succeeded`: every task succeeded. `partial`: some tasks succeeded, not all. `failed`: no task succeeded,
    the FinalizeTask failed, or the Batch job was lost. `cancelled`: somebody asked for it. `timed_out`: the
    job took longer than its maxWallClockTime. `rejected`: the job never ran, because it can't.
    """

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
        """Return whether the job has ended."""
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
    """Return whether a job in `source` may become `target`."""
    return target in TRANSITIONS[source]
