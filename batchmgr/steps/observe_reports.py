"""What tasks report while they run becomes events, and their results become part of the job's outcome.

A task writes one small blob, again and again. One listing reads the reports of all tasks; a cursor in the
record says which were published.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import msgspec

from batchmgr.model.cloud_event import Event
from batchmgr.model.job_record import MAX_TASK_RESULTS, JobRecord
from batchmgr.model.poll_cursors import ReportCursor, SeenReport
from batchmgr.model.size_limits import portions
from batchmgr.model.task_progress import ProgressReport, TaskResult
from batchmgr.plan.job_plan import REPORTS_FOLDER
from batchmgr.ports import Ports, Versioned
from batchmgr.steps.outbox import commit
from batchmgr.wire.events import report_event, result_event
from batchmgr.workload.progress_reporter import MAX_RESULT_BYTES as MAX_ONE_RESULT_BYTES

OVERLAP = timedelta(seconds=5)
"""How far before the newest known report a poll begins to read: storage counts in whole seconds."""

BYTES_AT_ONCE = 1024 * 1024
"""How many bytes of reports one change of the record covers, at most: their events are saved with it."""


async def observe_reports(ports: Ports, job: Versioned[JobRecord]) -> Versioned[JobRecord]:
    """Publish what the tasks have reported and was not published yet."""
    if not job.value.run.can_report:
        return job
    cursor = job.value.run.report_cursor
    fresh = [
        report
        for report in await ports.files.reports(job.value.job_id)
        if (cursor.until is None or report.time >= cursor.until - OVERLAP)
        and (report.task_id not in cursor.seen or cursor.seen[report.task_id].sequence != report.sequence)
    ]
    fresh.sort(key=lambda report: report.time)
    for some in portions(fresh, BYTES_AT_ONCE):
        events = await _events(ports, job.value, some)
        advanced = _advanced(job.value.run.report_cursor, some)
        record = job.value.reports_observed(ports.clock.now(), cursor=advanced)
        job = await commit(ports, job, record, events)
    return job


async def task_results(ports: Ports, record: JobRecord) -> tuple[TaskResult, ...]:
    """Return the results that tasks have published, in order of their ids."""
    if not record.run.can_report:
        return ()
    published = sorted(record.run.report_cursor.results, key=lambda task_id: (len(task_id), task_id))
    results = await asyncio.gather(*(_result(ports, record.job_id, task_id) for task_id in published))
    return tuple(result for result in results if result is not None)


async def _events(ports: Ports, record: JobRecord, reports: Sequence[ProgressReport]) -> list[Event]:
    events = []
    known = dict(record.run.report_cursor.results)
    for report in reports:
        if report.fraction is not None:
            events.append(report_event(record.job_id, report))
        is_new = report.result_key and known.get(report.task_id) != report.result_key
        if is_new and (report.task_id in known or len(known) < MAX_TASK_RESULTS):
            known[report.task_id] = report.result_key
            result = await _result(ports, record.job_id, report.task_id)
            if result is not None:
                events.append(result_event(record.job_id, report, result.result))
    return events


async def _result(ports: Ports, job_id: str, task_id: str) -> TaskResult | None:
    body = await ports.files.read(job_id, f"{REPORTS_FOLDER}/{task_id}.json")
    try:
        content = msgspec.json.decode(body) if body else None
    except (msgspec.DecodeError, RecursionError):
        return None
    result = content.get("result") if isinstance(content, dict) else None
    if not isinstance(result, dict) or len(msgspec.json.encode(result)) > MAX_ONE_RESULT_BYTES:
        return None  # the programming model has not written this
    return TaskResult(task_id=task_id, result=result)


def _advanced(cursor: ReportCursor, reports: Sequence[ProgressReport]) -> ReportCursor:
    fresh = {report.task_id: SeenReport(time=report.time, sequence=report.sequence) for report in reports}
    seen = cursor.seen | fresh
    # The cursor must not go back, in whatever order storage lists the reports: some would be published twice.
    until = max(*(report.time for report in reports), cursor.until or reports[0].time)
    recent = {task_id: report for task_id, report in seen.items() if report.time >= until - OVERLAP}
    results = dict(cursor.results)
    for report in reports:
        if report.result_key and (report.task_id in results or len(results) < MAX_TASK_RESULTS):
            results[report.task_id] = report.result_key
    return ReportCursor(until=until, seen=recent, results=results)
