"""What tasks report while they run becomes events, and their results become part of the job's outcome.

A task writes one small blob, again and again. One listing reads the reports of all tasks; a cursor in the
record says which were published.
"""

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

from batchmgr.errors import ServiceBusyError, ServiceError
from batchmgr.model.batch_snapshots import TaskSnapshot
from batchmgr.model.cloud_event import Event, LogEnd
from batchmgr.model.job_record import MAX_TASK_RESULTS, JobRecord
from batchmgr.model.poll_cursors import ReportCursor, first_offset, marked
from batchmgr.model.size_limits import portions
from batchmgr.model.task_progress import ProgressReport, TaskResult
from batchmgr.ports import Ports, Versioned
from batchmgr.steps.outbox import after_end_of_log, publish_observed
from batchmgr.steps.read_node_files import read_result
from batchmgr.wire.events import report_event, report_event_id, result_event

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
    record = job.value
    published = await _published(ports, record)
    fresh = _unseen(record, await _listed(ports, record), published)
    if fresh:
        known = await _reporting(ports, record, fresh) if tasks is None else {t.task_id for t in tasks}
        fresh = sorted((one for one in fresh if one.task_id in known), key=lambda report: report.time)
    for some in portions(fresh, BYTES_AT_ONCE):
        events = [e for e in await _events(ports, job.value, some) if e.id not in published]
        job = await after_end_of_log(ports, job, partial(_publish, ports, some, events, published))
    return job


async def _publish(
    ports: Ports,
    reports: Sequence[ProgressReport],
    events: Sequence[Event],
    published: set[str],
    job: Versioned[JobRecord],
    end: LogEnd,
) -> Versioned[JobRecord]:
    published.update(event.id for event in end.after)
    record = job.value.reports_observed(ports.clock.now(), cursor=_advanced(job.value, reports))
    return await publish_observed(ports, job, record, events, end)


def _since(cursor: ReportCursor) -> datetime | None:
    return cursor.until - OVERLAP if cursor.until else None


async def _published(ports: Ports, record: JobRecord) -> set[str]:
    """Return the ids of the published events about reports that may be listed again."""
    since = _since(record.run.report_cursor)
    if since is None:
        return set()
    start = first_offset(record.run.report_cursor.marks, since)
    return set(await ports.events.ids(record.job_id, start, record.observed_offset))


async def _listed(ports: Ports, record: JobRecord) -> Sequence[ProgressReport]:
    try:
        return await ports.files.reports(record.job_id, record.run.total + SPARE_REPORTS)
    except ServiceBusyError:
        raise
    except ServiceError as error:
        logger.warning("the reports of job %s can't be listed: %s", record.job_id, error)
        return ()


def _unseen(
    record: JobRecord, reports: Sequence[ProgressReport], published: Collection[str]
) -> list[ProgressReport]:
    cursor = record.run.report_cursor
    since = _since(cursor)
    return [
        report
        for report in reports
        if (since is None or report.time >= since)
        and (_tells_progress(record, report, published) or _is_new_result(cursor.results, report))
    ]


def _tells_progress(record: JobRecord, report: ProgressReport, published: Collection[str]) -> bool:
    return report.fraction is not None and report_event_id(record.job_id, report) not in published


def _is_new_result(known: Mapping[str, str], report: ProgressReport) -> bool:
    """Return whether the task has published a result, or another one, and there is room for it."""
    if not report.result_key or known.get(report.task_id) == report.result_key:
        return False
    return report.task_id in known or len(known) < MAX_TASK_RESULTS


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
        if _is_new_result(known, report):
            is_first = report.task_id not in known
            known[report.task_id] = report.result_key
            result = await read_result(ports, record.job_id, report.task_id)
            if result is not None:
                events.append(result_event(record.job_id, report, result.result, is_first=is_first))
    return events


def _advanced(record: JobRecord, reports: Sequence[ProgressReport]) -> ReportCursor:
    cursor = record.run.report_cursor
    # The cursor must not go back, in whatever order storage lists the reports: some would be published twice.
    until = max(*(report.time for report in reports), cursor.until or reports[0].time)
    results = dict(cursor.results)
    for report in reports:
        if _is_new_result(results, report):
            results[report.task_id] = report.result_key
    marks = marked(cursor.marks, cursor.until, record.observed_offset, until - OVERLAP)
    return ReportCursor(until=until, marks=marks, results=results)
