"""The job record: everything that batchmgr remembers about one job.

The job store keeps it as JSON and guards it by its ETag. A record never changes: each method below returns a
changed copy, and says what has happened to the job. A change of state that `job_states` does not allow raises
IllegalTransitionError.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Self

import msgspec
from msgspec.structs import replace

from batchmgr.errors import IllegalTransitionError
from batchmgr.model.batch_snapshots import TaskCounts
from batchmgr.model.cloud_event import Event
from batchmgr.model.failure_groups import FailureGroup
from batchmgr.model.job_record_parts import (
    DUE,
    AttachedReceiver,
    CallbackStatus,
    Claim,
    FailedTask,
    FilesUse,
    JobError,
    Purge,
    ResultFile,
    Run,
    Submission,
    Unsent,
)
from batchmgr.model.job_states import JobState, may_follow
from batchmgr.model.poll_cursors import PollCursor, ReportCursor
from batchmgr.model.size_limits import KIB, first_fitting
from batchmgr.model.task_progress import TaskResult
from batchmgr.model.usage import Usage
from batchmgr.model.waiting_for import Obstacle, ObstacleKind, WaitingFor, Watch, quota_obstacle
from batchmgr.model.webhook import Webhook

MAX_FAILED_TASKS = 21
"""How many failed tasks a record holds: twenty, and the FinalizeTask."""

MAX_GROUPS = 20
"""How many groups of failed tasks an outcome has: the largest."""

MAX_RESULT_FILES = 100
MAX_TASK_RESULTS = 100
FAILED_TASKS_ROOM = 72 * KIB
GROUPS_ROOM = 24 * KIB
RESULTS_ROOM = 64 * KIB
TASK_RESULTS_ROOM = 64 * KIB
"""How many bytes of JSON each list of the outcome takes. All of it is in the outcome file, if it is more."""


class JobRecord(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Everything that batchmgr remembers about one job. What its tasks do is Azure Batch's to say.

    `digest` is the digest of the job message. `claim` names the process that works on the job. `in_batch`:
    the Batch job has been created. `outbox` holds the events that were saved with the last change and are not
    published yet; `events_offset` is where the event log ended after the last event that was published, and
    `observed_offset` where it ended after the last observation of tasks or reports that was saved.
    `last_event` is the number of the last event that was in it.
    `unsent`: the progress queue is behind the log. `overflow` names the blob with the parts that were too
    large for this one. `outcome_uri` is the URI of the outcome file, if the outcome did not fit.
    `waiting_for` says why the job can't go on by itself; `given_up`, why batchmgr has decided to end it.
    `receiver` is the host and port that the callback goes to, or empty if there is none; `attached` are the
    receivers that later messages have brought. `webhooks` are told of chosen events. `rerun_of` is the job
    whose tasks this one runs again.
    `traceparent` says in which trace the job is. `entered` says when the job has entered which state.
    `retention_time`: how long the job is kept after its end, if its message says so. `purge`: it is being
    deleted; `batch_job_deleted`: so much of it is. `used_by` are reruns that use the files of this job.
    """

    job_id: str
    state: JobState
    workload: str
    digest: str
    created_at: datetime
    updated_at: datetime
    pool_id: str = ""
    priority: int = 0
    metadata: dict[str, str] = {}
    notify: tuple[str, ...] = ()
    receiver: str = ""
    attached: tuple[AttachedReceiver, ...] = ()
    webhooks: tuple[Webhook, ...] = ()
    rerun_of: str = ""
    cancel_requested: bool = False
    in_batch: bool = False
    stall_limit: timedelta | None = None
    waiting_for: WaitingFor | None = None
    watch: Watch = Watch()
    given_up: JobError | None = None
    claim: Claim | None = None
    submission: Submission = Submission()
    run: Run = Run()
    obstacle: Obstacle | None = None
    outbox: tuple[Event, ...] = ()
    events_offset: int = 0
    observed_offset: int = 0
    last_event: int = 0
    unsent: Unsent | None = None
    overflow: str = ""
    error: JobError | None = None
    results: tuple[ResultFile, ...] = ()
    task_results: tuple[TaskResult, ...] = ()
    outcome_uri: str = ""
    failure_groups: tuple[FailureGroup, ...] = ()
    callback: CallbackStatus | None = None
    traceparent: str = ""
    entered: dict[JobState, datetime] = {}
    retention_time: timedelta | None = None
    purge: Purge | None = None
    used_by: tuple[FilesUse, ...] = ()
    batch_job_deleted: bool = False

    def is_idle_for(self, pause: timedelta, now: datetime) -> bool:
        """Return whether the record has not changed for `pause`, and no retry is due later."""
        return now - max(self.updated_at, self.retry_at or self.updated_at) > pause

    @property
    def retry_at(self) -> datetime | None:
        """Return when the next try of a hindered step is due, or None."""
        return self.obstacle.retry_at if self.obstacle is not None else None

    def tries(self, kind: ObstacleKind) -> int:
        """Return how often an obstacle of this kind was met, without a success in between."""
        return self.obstacle.tries if self.obstacle and self.obstacle.kind == kind else 0

    def admitted(self, priority: int) -> Self:
        """Return the record of a job that was checked. `priority` is that of its plan."""
        submission = replace(self.submission, awaits_check=False)
        return replace(self, submission=submission, priority=priority, obstacle=None)

    def hindered(
        self, now: datetime, kind: ObstacleKind, *, code: str, reason: str, retry_at: datetime
    ) -> Self:
        """Return the record of a job that has met an obstacle of this kind once, or once more."""
        since = self.obstacle.since if self.obstacle and self.tries(kind) else now
        tries = self.tries(kind) + 1
        obstacle = Obstacle(kind=kind, code=code, reason=reason, since=since, tries=tries, retry_at=retry_at)
        return replace(self, updated_at=now, obstacle=obstacle)

    def unhindered(self) -> Self:
        """Return the record without its obstacle."""
        return replace(self, obstacle=None)

    @property
    def waits_for(self) -> WaitingFor | None:
        """Return why a job that has not ended does not go on, or None."""
        if self.state.is_final or self.obstacle is None:
            return self.waiting_for
        return self.obstacle.waiting_for

    @property
    def told_state(self) -> JobState:
        """Return the state that the event log tells: a final one only if all events are in the log."""
        if not self.state.is_final or not self.outbox:
            return self.state
        return JobState.FINALIZING if JobState.FINALIZING in self.entered else JobState.QUEUED

    @property
    def must_end(self) -> bool:
        """Return whether the job ends now, although tasks of it could still run: cancelled or given up."""
        return self.cancel_requested or self.given_up is not None

    def is_claimed(self, now: datetime) -> bool:
        """Return whether a process works on the job, and has renewed its claim in time."""
        return self.claim is not None and now < self.claim.until

    def is_finalized_elsewhere(self, now: datetime, holder: str = "") -> bool:
        """Return whether a process other than `holder` works out how the job has ended."""
        is_over = self.state in {JobState.RUNNING, JobState.FINALIZING}
        return is_over and self.is_claimed(now) and self.claim is not None and self.claim.holder != holder

    def claimed(self, now: datetime, claim: Claim) -> Self:
        """Return the record of a job that this process works on, or goes on working on."""
        return replace(self, updated_at=now, claim=claim)

    def released(self) -> Self:
        """Return the record of a job that nobody works on."""
        return replace(self, claim=None)

    def with_outbox(self, events: Sequence[Event]) -> Self:
        """Return the record with these events to publish, in place of any others. They name its trace."""
        return replace(self, outbox=self.traced(events))

    def traced(self, events: Sequence[Event]) -> tuple[Event, ...]:
        """Return events with the trace of the job, if it has one."""
        if not self.traceparent:
            return tuple(events)
        return tuple(replace(event, traceparent=self.traceparent) for event in events)

    def published(self, *, offset: int, last: int, is_observed: bool, unsent: Unsent | None) -> Self:
        """Return the record with an empty outbox: its events are in the log, which ends at `offset`.

        `last` is the number of its last event.
        `is_observed`: the log holds no event of an observation that was not saved.
        """
        observed = offset if is_observed else self.observed_offset
        published = replace(self, outbox=(), events_offset=offset, observed_offset=observed)
        return replace(published, last_event=last, unsent=unsent)

    def sent(self, unsent: Unsent | None) -> Self:
        """Return the record with another mark of what was not sent."""
        return replace(self, unsent=unsent)

    def submitting(self, now: datetime) -> Self:
        """Return the record of a job whose submission begins."""
        return self._in_state(JobState.SUBMITTING, now)

    def put_off(self, now: datetime, kind: ObstacleKind, *, code: str, reason: str, until: datetime) -> Self:
        """Return the record of a job whose submission has met an obstacle, and is tried again at `until`."""
        submission = replace(self.submission, attempts=self.submission.attempts + 1)
        hindered = self.hindered(now, kind, code=code, reason=reason, retry_at=until)
        return replace(hindered, claim=None, submission=submission)

    def in_line(self, now: datetime, ticket: str, *, reason: str, until: datetime) -> Self:
        """Return the record of a job that waits for the quota. At `until` is looked whether it is forgotten.

        A job that waits already keeps its reason, and the time since when it waits.
        """
        obstacle = self.obstacle if self.tries(ObstacleKind.QUOTA) else None
        obstacle = replace(obstacle or quota_obstacle(now, reason), retry_at=until)
        submission = replace(self.submission, ticket=ticket)
        return replace(self, updated_at=now, claim=None, submission=submission, obstacle=obstacle)

    def let_in(self, now: datetime) -> Self:
        """Return the record of a job that has waited for the quota, and is in Azure Batch."""
        submission = replace(self.submission, ticket="")
        return replace(self, updated_at=now, in_batch=True, submission=submission, obstacle=None)

    def resubmitted(self, now: datetime) -> Self:
        """Return the record of a job whose submission is to be tried again now."""
        return replace(self, updated_at=now)

    def awaiting_tasks(self, now: datetime) -> Self:
        """Return the record of a job whose job manager task is in Azure Batch, and plans the tasks."""
        submission = replace(self.submission, awaits_tasks=True)
        return replace(self, updated_at=now, claim=None, in_batch=True, submission=submission, obstacle=None)

    def planned_on_node(self, now: datetime) -> Self:
        """Return the record of a job whose job manager task has ended: its submission can continue."""
        submission = replace(self.submission, awaits_tasks=False)
        return replace(self, updated_at=now, submission=submission, obstacle=None)

    def listing(self, now: datetime, waiting_for: WaitingFor) -> Self:
        """Return the record of a job whose blobs are being listed, and how far that has come."""
        return replace(self, updated_at=now, waiting_for=waiting_for, obstacle=None)

    def created_in_batch(self, run: Run) -> Self:
        """Return the record of a job that is in Azure Batch, and whose tasks are about to be added."""
        return replace(self, in_batch=True, run=run, waiting_for=None)

    def tasks_added(self, now: datetime, count: int) -> Self:
        """Return the record of a job of whose tasks the first `count` are in Azure Batch."""
        submission = replace(self.submission, tasks_added=count)
        return replace(self, updated_at=now, submission=submission, obstacle=None)

    def submitted(self, now: datetime) -> Self:
        """Return the record of a job whose tasks are all in Azure Batch: it is running."""
        running = self._in_state(JobState.RUNNING, now)
        return replace(running, claim=None, submission=Submission(), waiting_for=None, watch=Watch())

    def tasks_observed(
        self, now: datetime, *, cursor: PollCursor, failed: Sequence[FailedTask], usage: Usage
    ) -> Self:
        """Return the record with another cursor and usage, and with these failed tasks besides the others."""
        found = tuple(task.without_details() for task in failed)
        known = (*self.run.failed_tasks, *found)[:MAX_FAILED_TASKS]
        run = replace(self.run, cursor=cursor, failed_tasks=known, usage=usage)
        return replace(self, updated_at=now, run=run)

    def with_usage(self, usage: Usage) -> Self:
        """Return the record with another usage. Nothing has moved."""
        return replace(self, run=replace(self.run, usage=usage))

    def counted(self, now: datetime, counts: TaskCounts) -> Self:
        """Return the record with other task counts."""
        run = replace(self.run, counts=counts, count_changes=self.run.count_changes + 1)
        return replace(self, updated_at=now, run=run)

    def with_count_changes(self, told: int) -> Self:
        """Return the record of a job of which so many more changes of its task counts were told."""
        return replace(self, run=replace(self.run, count_changes=self.run.count_changes + told))

    def reports_observed(self, now: datetime, *, cursor: ReportCursor) -> Self:
        """Return the record with another cursor in the progress reports."""
        return replace(self, updated_at=now, run=replace(self.run, report_cursor=cursor))

    def manifest_written(self, now: datetime) -> Self:
        """Return the record of a job whose manifest is written."""
        return replace(self, updated_at=now, run=replace(self.run, manifest_due=False))

    def warned(self) -> Self:
        """Return the record of a job of which was told that its signatures end. Nothing has moved."""
        return replace(self, run=replace(self.run, warn_at=None))

    def finalize_task_released(self, now: datetime) -> Self:
        """Return the record of a job whose FinalizeTask was added again, without dependencies."""
        return replace(self, updated_at=now, run=replace(self.run, finalize_released=True))

    def watched(self, now: datetime, waiting_for: WaitingFor | None, *, is_running: bool) -> Self:
        """Return the record after a look at why the job does not move. `updated_at` stays: nothing moved."""
        since = None
        if waiting_for is not None and not is_running:
            since = self.watch.stalled_since or now
        return replace(self, waiting_for=waiting_for, watch=Watch(looked_at=now, stalled_since=since))

    def giving_up(self, now: datetime, error: JobError) -> Self:
        """Return the record of a job that batchmgr ends, because it can't end by itself."""
        return replace(self, updated_at=now, given_up=error)

    def cancellation_requested(self, now: datetime) -> Self:
        """Return the record of a job that somebody has asked to cancel."""
        return replace(self, updated_at=now, cancel_requested=True, obstacle=None)

    def finalizing(self, now: datetime) -> Self:
        """Return the record of a job whose tasks are over, while its outcome is worked out."""
        return replace(self._in_state(JobState.FINALIZING, now), waiting_for=None)

    def ended(
        self,
        now: datetime,
        state: JobState,
        *,
        error: JobError | None,
        failed_tasks: Sequence[FailedTask] = (),
        failure_groups: Sequence[FailureGroup] = (),
        results: Sequence[ResultFile] = (),
        task_results: Sequence[TaskResult] = (),
    ) -> Self:
        """Return the record of a job that has ended in `state`. Its callback is due, if it has one.

        It holds as much of the lists as it has room for. The cursors are over.
        """
        failed = first_fitting(
            (task.without_details() for task in failed_tasks), most=MAX_FAILED_TASKS, room=FAILED_TASKS_ROOM
        )
        run = replace(self.run, failed_tasks=failed, cursor=PollCursor(), report_cursor=ReportCursor())
        return replace(
            self._in_state(state, now),
            claim=None,
            waiting_for=None,
            error=error,
            run=run,
            failure_groups=first_fitting(
                (group.without_details() for group in failure_groups), most=MAX_GROUPS, room=GROUPS_ROOM
            ),
            results=first_fitting(results, most=MAX_RESULT_FILES, room=RESULTS_ROOM),
            task_results=first_fitting(task_results, most=MAX_TASK_RESULTS, room=TASK_RESULTS_ROOM),
            callback=DUE if self.receiver else None,
            attached=tuple(one.with_callback(DUE) for one in self.attached),
        )

    def _in_state(self, state: JobState, now: datetime) -> Self:
        if not may_follow(self.state, state):
            raise IllegalTransitionError(self.job_id, self.state, state)
        return replace(self, state=state, updated_at=now, obstacle=None, entered={**self.entered, state: now})
