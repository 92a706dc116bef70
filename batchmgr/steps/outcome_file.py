"""The outcome file: the whole outcome of a job, if it does not fit into the job's record and callback."""

import logging
from collections.abc import Mapping, Sequence

import msgspec

from batchmgr.errors import ServiceError
from batchmgr.model.batch_snapshots import TaskSnapshot
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_record_parts import FailedTask, ResultFile
from batchmgr.model.task_progress import TaskResult
from batchmgr.plan.job_plan import OUTCOME_BLOB
from batchmgr.ports import Ports

logger = logging.getLogger(__name__)


class WholeOutcome(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The content of an outcome file: the lists of the outcome, with nothing left out."""

    failed_tasks: tuple[FailedTask, ...]
    results: tuple[ResultFile, ...]
    task_results: tuple[TaskResult, ...]


def all_failed(tasks: Sequence[TaskSnapshot], details: Mapping[str, FailedTask]) -> tuple[FailedTask, ...]:
    """Return every failed task of a job: as it was diagnosed, or else as Azure Batch reports it."""
    return tuple(details.get(task.task_id) or FailedTask.of(task) for task in tasks if task.has_failed)


async def with_outcome_file(ports: Ports, record: JobRecord, whole: WholeOutcome) -> JobRecord:
    """Return the record of an ended job; if it has no room for all of its outcome, it names the file with it.

    If that file can't be written, the job ends all the same.
    """
    held = (len(record.run.failed_tasks), len(record.results), len(record.task_results))
    if held == (len(whole.failed_tasks), len(whole.results), len(whole.task_results)):
        return record
    try:
        await ports.files.write(record.job_id, OUTCOME_BLOB, msgspec.json.encode(whole))
    except ServiceError as error:
        if error.retryable:
            raise
        logger.error("job %s: its outcome file can't be written: %s", record.job_id, error)
        return record
    return msgspec.structs.replace(record, outcome_uri=ports.files.uri(record.job_id, OUTCOME_BLOB))
