"""What tasks report while they run becomes events, and their results become part of the job's outcome.

A task writes one small blob, again and again. One listing reads the reports of all tasks; a cursor in the
record says which were published.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import timedelta

from batchmgr.errors import ServiceBusyError, ServiceError
from batchmgr.model.batch_snapshots import TaskSnapshot
from batchmgr.model.cloud_event import Event
from batchmgr.model.job_record import MAX_TASK_RESULTS, JobRecord
from batchmgr.model.poll_cursors import ReportCursor, SeenReport
from batchmgr.model.size_limits import portions
from batchmgr.model.task_progress import ProgressReport, TaskResult
from batchmgr.ports import Ports, Versioned
from batchmgr.steps.outbox import publish_observed
from batchmgr.steps.read_node_files import read_result
from batchmgr.wire.events import report_event, result_event

logger = logging.getLogger(__name__)

OVERLAP = timedelta(seconds=5)
"""How far before the newest known report a poll begins to read: storage counts in whole seconds."""

BYTES_AT_ONCE = 1024 * 1024
"""How many bytes of reports one change of the record covers, at most: their events are saved with it."""

SPARE_REPORTS = 5000
"""How many reports are listed beyond the number of tasks: one page, in case there are others among them."""

CLOCK_DIFFERENCE = timedelta(seconds=60)
"""How far the clocks of storage and of Azure Batch may be apart."""


async def observe_reports(
    ports: Ports, job: Versioned[JobRecord], tasks: Sequence[TaskSnapshot] | None = None
) -> Versioned[JobRecord]:
    """Publish what the tasks have reported and was not published yet.

    `tasks` are all tasks of the job, if they are known. A report under an id that the job does not have is
    ignored: any task can write it.
    """
    if not job.value.run.can_report:
        return job
    fresh = _unseen(job.value.run.report_cursor, await _listed(ports, job.value))
    if fresh:
        known = await _reporting(ports, job.value, fresh) if tasks is None else {t.task_id for t in tasks}
        fresh = sorted((one for one in fresh if one.task_id in known), key=lambda report: report.time)
    for some in portions(fresh, BYTES_AT_ONCE):
        events = await _events(ports, job.value, some)
        advanced = _advanced(job.value.run.report_cursor, some)
        record = job.value.reports_observed(ports.clock.now(), cursor=advanced)
        job = await publish_observed(ports, job, record, events)
    return job


async def _listed(ports: Ports, record: JobRecord) -> Sequence[ProgressReport]:
    try:
        return await ports.files.reports(record.job_id, record.run.total + SPARE_REPORTS)
    except ServiceBusyError:
        raise
    except ServiceError as error:
        logger.warning("the reports of job %s can't be listed: %s", record.job_id, error)
        return ()


def _unseen(cursor: ReportCursor, reports: Sequence[ProgressReport]) -> list[ProgressReport]:
    since = cursor.until - OVERLAP if cursor.until else None
    return [
        report
        for report in reports
        if (since is None or report.time >= since)
        and (report.task_id not in cursor.seen or cursor.seen[report.task_id].version != report.version)
    ]


async def _reporting(ports: Ports, record: JobRecord, reports: Sequence[ProgressReport]) -> set[str]:
    """Return the ids of the tasks that can have written these reports.

    Each such task runs now, or its state has changed since its report: so two short lists tell them all,
    however many tasks the job has.
    """
    since = min(report.time for report in reports) - CLOCK_DIFFERENCE
    running = {task.task_id async for task in ports.batch.list_tasks(record.job_id, state="running")}
    changed = {task.task_id async for task in ports.batch.list_tasks(record.job_id, since=since)}
    return running | changed


async def task_results(ports: Ports, record: JobRecord) -> tuple[TaskResult, ...]:
    """Return the results that tasks have published, in order of their ids."""
    if not record.run.can_report:
        return ()
    published = sorted(record.run.report_cursor.results, key=lambda task_id: (len(task_id), task_id))
    results = await asyncio.gather(*(read_result(ports, record.job_id, task_id) for task_id in published))
    return tuple(result for result in results if result is not None)


async def _events(ports: Ports, record: JobRecord, reports: Sequence[ProgressReport]) -> list[Event]:
    events = []
    known = dict(record.run.report_cursor.results)
    for report in reports:
        if report.fraction is not None:
            events.append(report_event(record.job_id, report))
        is_new = report.result_key and known.get(report.task_id) != report.result_key
        if is_new and (report.task_id in known or len(known) < MAX_TASK_RESULTS):
            is_first = report.task_id not in known
            known[report.task_id] = report.result_key
            result = await read_result(ports, record.job_id, report.task_id)
            if result is not None:
                events.append(result_event(record.job_id, report, result.result, is_first=is_first))
    return events


def _advanced(cursor: ReportCursor, reports: Sequence[ProgressReport]) -> ReportCursor:
    fresh = {report.task_id: SeenReport(time=report.time, version=report.version) for report in reports}
    seen = cursor.seen | fresh
    # The cursor must not go back, in whatever order storage lists the reports: some would be published twice.
    until = max(*(report.time for report in reports), cursor.until or reports[0].time)
    recent = {task_id: report for task_id, report in seen.items() if report.time >= until - OVERLAP}
    results = dict(cursor.results)
    for report in reports:
        if report.result_key and (report.task_id in results or len(results) < MAX_TASK_RESULTS):
            results[report.task_id] = report.result_key
    return ReportCursor(until=until, seen=recent, results=results)
