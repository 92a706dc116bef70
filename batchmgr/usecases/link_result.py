"""Link to a result of a job that has ended: signed for minutes, for this one blob, and for reading.

What a job has left is known from its record. The outcome file, with the results that the record has no room
for, lies where the job's tasks can write: so a blob that it alone names must be in a container that the plan
lets them write to.
"""

import asyncio
import logging
from datetime import timedelta

import msgspec

from batchmgr.errors import (
    FileGoneError,
    FileTooLargeError,
    InvalidJobError,
    NoSuchFileError,
    NotPossibleError,
)
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_record_parts import ResultFile
from batchmgr.model.task_file import BlobLink
from batchmgr.plan.job_plan import OUTCOME_BLOB
from batchmgr.ports import Ports
from batchmgr.steps.keep_plan import find_plan
from batchmgr.wire.json_codec import prepare

logger = logging.getLogger(__name__)

MAX_OUTCOME_FILE = 64 * 1024 * 1024
"""How large an outcome file may be to be looked through: 300,000 results."""


class _Results(msgspec.Struct, frozen=True):
    """What is read of an outcome file."""

    results: tuple[ResultFile, ...] = ()


prepare(_Results)


async def link_result(ports: Ports, job_id: str, name: str, lifetime: timedelta) -> BlobLink:
    """Return a link with which a result of this name can be read.

    Raise JobNotFoundError, NotPossibleError for a job that has not ended, NoSuchFileError if it has no such
    result, FileGoneError if it had.
    """
    record = (await ports.jobs.load(job_id)).value
    if not record.state.is_final:
        raise NotPossibleError(record.job_id, "has not ended: what it has left is known at its end.")
    result = next((one for one in record.results if one.name == name), None)
    if result is None and record.outcome_uri:
        result = await _in_outcome_file(ports, record, name)
    if result is None:
        raise NoSuchFileError(f"job {record.job_id!r} has no result {name!r}")
    try:
        link = await ports.links.to_download(result.uri, lifetime)
    except InvalidJobError as error:
        raise NotPossibleError(
            record.job_id, f"has this result where it can't be linked to: {error}"
        ) from error
    if link is None:
        raise FileGoneError(f"the result {name!r} of job {record.job_id!r} is not in storage any more")
    return link


async def _in_outcome_file(ports: Ports, record: JobRecord, name: str) -> ResultFile | None:
    """Return a result that only the outcome file names, if the job could have left it there."""
    try:
        body = await ports.files.read(record.job_id, OUTCOME_BLOB, MAX_OUTCOME_FILE)
        results = (await asyncio.to_thread(msgspec.json.decode, body or b"{}", type=_Results)).results
    except (FileTooLargeError, msgspec.MsgspecError) as error:
        logger.warning("the outcome file of job %s can't be read: %s", record.job_id, error)
        return None
    plan = await find_plan(ports, record)
    written = [need for need in plan.container_needs if need.is_written] if plan else []
    roots = tuple(ports.storage.blob_uri(need, "") for need in written)
    return next((one for one in results if one.name == name and one.uri.startswith(roots)), None)
