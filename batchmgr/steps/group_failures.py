"""Groups the failed tasks of a job by what their files say, which are read for some of them.

What was found is stored beside the record: so each task is looked at once, whoever asks, and the groups are
there when the tasks no longer are. It is a note, not a truth: without it, everything is looked at again.
"""

import asyncio
import logging
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta

import msgspec

from batchmgr.errors import ServiceBusyError, ServiceError
from batchmgr.model.batch_snapshots import TaskSnapshot
from batchmgr.model.failure_cause import Cause, cause_of
from batchmgr.model.failure_groups import Failure, FailureGroups, group_failures, to_look_at
from batchmgr.model.job_record import JobRecord
from batchmgr.ports import Ports
from batchmgr.steps.diagnose import error_of
from batchmgr.steps.read_node_files import read_error_report, read_stderr
from batchmgr.wire.json_codec import prepare
from batchmgr.wire.layout import decode_stored, stamp

MAX_LOOKED_AT = 1000
"""Of how many failed tasks of a job the files are read, to find out which have failed for the same reason."""

AT_ONCE = 16
WITH_DETAILS = 100
"""How many causes are stored with a traceback and stderr."""

logger = logging.getLogger(__name__)


class Findings(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What is known of the failed tasks of a job.

    `job` is when the job was accepted: another one of the same id has other tasks. `looked_at` has the place
    in `causes` by the ids of tasks. `groups` are the last that were made, and `is_complete`: of all failed
    tasks, when no more could fail.
    """

    job: datetime
    causes: tuple[Cause, ...] = ()
    looked_at: dict[str, int] = {}
    groups: FailureGroups = FailureGroups()
    is_complete: bool = False

    def with_causes(self, found: dict[str, Cause]) -> "Findings":
        """Return the findings with those of more tasks."""
        causes, looked_at = list(self.causes), dict(self.looked_at)
        places = {cause.key: place for place, cause in enumerate(causes)}
        for task_id, cause in found.items():
            place = places.setdefault(cause.key, len(causes))
            if place == len(causes):
                causes.append(cause if place < WITH_DETAILS else cause.without_details())
            looked_at[task_id] = place
        return msgspec.structs.replace(self, causes=tuple(causes), looked_at=looked_at)

    def cause(self, task_id: str) -> Cause | None:
        """Return the cause of a task that was looked at, or None."""
        place = self.looked_at.get(task_id)
        return None if place is None else self.causes[place]


prepare(Findings)


async def known_failures(ports: Ports, record: JobRecord) -> Findings:
    """Return what is stored of the failed tasks of this job."""
    with suppress(ServiceError, msgspec.MsgspecError):
        body = await ports.failures.load(record.job_id)
        if body is not None:
            found = decode_stored(body, Findings, f"what is known of the failures of job {record.job_id!r}")
            if found.job == record.created_at:
                return found
    return Findings(job=record.created_at)


async def group_failed_tasks(
    ports: Ports, record: JobRecord, tasks: Iterable[TaskSnapshot], limit: timedelta, *, is_over: bool
) -> FailureGroups:
    """Return the groups of these tasks, all that have failed. Look at those that nobody has, for so long.

    `is_over`: no more tasks of the job will fail.
    """
    findings = await known_failures(ports, record)
    failed = {task.task_id: task for task in tasks if task.has_failed}
    diagnosed = {task.task_id: cause_of(task.error, task.exit_code) for task in record.run.failed_tasks}
    # In threads: there may be 100,000 of them, and others wait for the event loop.
    failures = await asyncio.to_thread(_failures, failed.values(), findings)
    chosen = to_look_at(failures, MAX_LOOKED_AT - len(findings.looked_at))
    found = await _look(ports, record, [failed[one.task_id] for one in chosen], limit)
    for task_id, cause in found.items():
        known = diagnosed.get(task_id)
        if known is not None and not cause.stderr and not cause.traceback:
            found[task_id] = known  # the files were there when it was diagnosed
    findings = findings.with_causes(found)
    groups = await asyncio.to_thread(_groups, failures, findings)
    is_complete = is_over and len(found) == len(chosen)
    stored = msgspec.structs.replace(findings, groups=groups, is_complete=is_complete)
    if (found or is_over) and record.purge is None:
        try:
            await ports.failures.save(record.job_id, stamp(msgspec.json.encode(stored)))
        except ServiceError as error:  # they are found again
            logger.warning("what is known of the failures of job %s is not stored: %s", record.job_id, error)
    return groups


def _failures(tasks: Iterable[TaskSnapshot], findings: Findings) -> list[Failure]:
    return [Failure.of(task, findings.cause(task.task_id)) for task in tasks]


def _groups(failures: Iterable[Failure], findings: Findings) -> FailureGroups:
    """Return the groups, after more was found."""
    return group_failures(
        msgspec.structs.replace(one, found=one.found or findings.cause(one.task_id)) for one in failures
    )


async def _look(
    ports: Ports, record: JobRecord, tasks: list[TaskSnapshot], limit: timedelta
) -> dict[str, Cause]:
    """Return the causes of these tasks, of as many as there is time for. A busy service ends it."""
    found: dict[str, Cause] = {}
    if not tasks or not limit:
        return found
    rest = iter(tasks)

    async def look(rest: Iterator[TaskSnapshot]) -> None:
        for task in rest:
            try:
                found[task.task_id] = await _cause(ports, record, task)
            except ServiceBusyError as error:
                logger.warning("job %s: failed tasks are not looked at: %s", record.job_id, error)
                return

    try:
        async with asyncio.timeout(limit.total_seconds()):
            await asyncio.gather(*(look(rest) for _ in range(min(AT_ONCE, len(tasks)))))
    except TimeoutError:
        logger.info("job %s: %d of %d failed tasks were looked at", record.job_id, len(found), len(tasks))
    return found


async def _cause(ports: Ports, record: JobRecord, task: TaskSnapshot) -> Cause:
    report = None
    try:
        stderr = await read_stderr(ports, record.job_id, task.task_id)
        if record.workload:
            report = await read_error_report(ports, record.job_id, task.task_id)
    except ServiceBusyError:
        raise
    except ServiceError as error:
        logger.warning("a file of task %s of job %s can't be read: %s", task.task_id, record.job_id, error)
        stderr = ""
    return cause_of(error_of(task, task.error, stderr, report), task.exit_code)
