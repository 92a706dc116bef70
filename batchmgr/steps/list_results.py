"""The result files of a job: what its tasks have left in storage, not what they were meant to leave.

Storage is asked for each planned file, and for the blobs that a pattern of files has become. Only for a
container that batchmgr can't list, the plan has to do.
"""

import asyncio
import logging
from collections.abc import Collection, Iterator, Sequence
from contextlib import aclosing
from itertools import islice

from batchmgr.errors import (
    InvalidJobError,
    ServiceAccessError,
    ServiceBusyError,
    ServiceError,
    ServiceNotFoundError,
)
from batchmgr.factories.blob_patterns import matches
from batchmgr.model.batch_snapshots import TaskSnapshot
from batchmgr.model.job_outcome import find_finalize_task
from batchmgr.model.job_record_parts import ResultFile
from batchmgr.model.task_ends import TaskEnds
from batchmgr.plan.file_specifications import WILDCARDS, ContainerNeed, OutputFileSpecification
from batchmgr.plan.job_plan import JobPlan, TaskPlan
from batchmgr.ports import Ports

logger = logging.getLogger(__name__)

MAX_LISTED = 500
"""For how many planned files storage is asked. A job may have 100,000 tasks that have left nothing."""

AT_ONCE = 16
MAX_SCANNED = 5000
"""How many blobs are looked at for one pattern, or beyond those that were planned: one call to storage."""


async def list_results(ports: Ports, plan: JobPlan, ends: TaskEnds) -> tuple[ResultFile, ...]:
    """Return the files that the FinalizeTask has left, or else those of the other tasks, in the plan's order.

    If there is any among the first 500 that were planned, the others are found by listing their containers;
    of these others, those of patterns are left out.
    """
    found: dict[str, ResultFile] = {}
    for group in ((plan.finalize_task,), plan.tasks_with_results):
        files = _left_files(group, ends)
        first = islice(files, MAX_LISTED)
        # In threads: the tasks may be many, and they are made or read while they are looked through.
        while some := await asyncio.to_thread(_next, first):
            for file, names in zip(some, await _names(ports, some), strict=True):
                found |= _as_results(ports, file, names)
        if found:
            for file in await _others_that_exist(ports, await asyncio.to_thread(tuple, files)):
                found |= _as_results(ports, file, [file.blob_path])
            break
    return tuple(found.values())


async def lost_results(
    ports: Ports, plan: JobPlan | None, tasks: Sequence[TaskSnapshot]
) -> tuple[str, ...] | None:
    """Return which results are missing because the FinalizeTask did not succeed; None if all of its work is.

    A FinalizeTask that only had to write the finalize blob has left nothing out that anybody needs. Neither
    has one that did its work, but could not upload that blob.
    """
    final = find_finalize_task(tasks)
    if final is not None and final.has_succeeded:
        return ()
    if plan is None:
        return None
    results = plan.finalize_task.result_files
    if not plan.has_own_finalize and not results:
        return ()
    if final is None or not final.has_failed or final.exit_code != 0:
        return None  # its command has failed, or never ran
    there = await _names(ports, results, if_unknown=False)
    # Some of the files of a pattern may be there without the others.
    return tuple(
        file.blob_path or file.source_file_path
        for file, names in zip(results, there, strict=True)
        if file.is_pattern or not names
    )


def _as_results(ports: Ports, file: OutputFileSpecification, names: Sequence[str]) -> dict[str, ResultFile]:
    """Return the blobs that a file has become, by their URIs."""
    uris = {ports.storage.blob_uri(file.need, name): name for name in names}
    return {uri: ResultFile(name=name, uri=uri) for uri, name in uris.items()}


async def _others_that_exist(
    ports: Ports, files: Sequence[OutputFileSpecification]
) -> list[OutputFileSpecification]:
    """Return those of many files that are in storage. Each container is listed once."""
    fixed = [file for file in files if not file.is_pattern]
    planned: dict[ContainerNeed, set[str]] = {}
    for file in fixed:
        planned.setdefault(file.need, set()).add(file.blob_path)
    there = {need: await _existing(ports, need, names) for need, names in planned.items()}
    return [file for file in fixed if file.blob_path in there[file.need]]


async def _existing(ports: Ports, need: ContainerNeed, planned: set[str]) -> set[str]:
    """Return which of these blobs exist; all, if that can't be found out."""
    found: set[str] = set()
    try:
        async with aclosing(ports.storage.list_blobs(need, _common_start(planned))) as names:
            scanned = 0
            async for name in names:
                scanned += 1
                if name in planned:
                    found.add(name)
                if len(found) == len(planned) or scanned == len(planned) + MAX_SCANNED:
                    break
    except ServiceNotFoundError:
        return set()
    except (InvalidJobError, ServiceAccessError):
        return planned  # batchmgr may not list this container
    except ServiceBusyError:
        raise
    except ServiceError:
        return planned
    return found


def _common_start(names: Collection[str]) -> str:
    """Return the prefix that all names share.

    >>> _common_start({"out/10", "out/11", "out/2"}), _common_start({"a", "b"})
    ('out/', '')
    """
    first, last = min(names), max(names)
    size = next(
        (place for place, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1]), None
    )
    return first[:size]


def _left_files(group: Sequence[TaskPlan], ends: TaskEnds) -> Iterator[OutputFileSpecification]:
    """Yield the files that these tasks have left if they wrote them."""
    for task in group:
        for file in task.result_files:
            if ends.may_have_left(task.id, file):
                yield file


def _next(files: Iterator[OutputFileSpecification]) -> tuple[OutputFileSpecification, ...]:
    return tuple(islice(files, AT_ONCE))


async def _names(
    ports: Ports, files: Sequence[OutputFileSpecification], *, if_unknown: bool = True
) -> list[list[str]]:
    """Return the names of the blobs that each of these files has become."""
    return await asyncio.gather(*(_names_of(ports, file, if_unknown) for file in files))


async def _names_of(ports: Ports, file: OutputFileSpecification, if_unknown: bool) -> list[str]:
    try:
        return await _find(ports, file)
    except ServiceNotFoundError:
        return []
    except (InvalidJobError, ServiceAccessError):
        pass  # batchmgr may not list this container
    except ServiceBusyError:
        raise
    except ServiceError as error:
        logger.warning("whether the file %r is there can't be read: %s", file.blob_path, error)
    return [file.blob_path] if if_unknown and not file.is_pattern else []


async def _find(ports: Ports, file: OutputFileSpecification) -> list[str]:
    found: list[str] = []
    folder = f"{file.blob_path}/" if file.blob_path else ""
    prefix = folder if file.is_pattern else file.blob_path
    async with aclosing(ports.storage.list_blobs(file.need, prefix)) as names:
        scanned = 0
        async for name in names:
            if not file.is_pattern:
                return [name] if name == prefix else []  # of all names with this prefix it comes first
            scanned += 1
            if _is_of_pattern(file.source_file_path, name.removeprefix(prefix)):
                found.append(name)
            if scanned == MAX_SCANNED:
                break
    return found


def _is_of_pattern(pattern: str, name: str) -> bool:
    """Return whether a file of this pattern can have become the blob of this name.

    Azure Batch keeps the part of a path that begins with the first wildcard.
    """
    segments = pattern.split("/")
    while len(segments) > 1 and not any(wildcard in segments[0] for wildcard in WILDCARDS):
        segments.pop(0)
    segments = ["*" if "$" in segment else segment for segment in segments]  # a variable of the node
    rest = "/".join(segments)
    return matches(rest, name) if "/" in rest or rest == "**" else "/" not in name and matches(rest, name)
