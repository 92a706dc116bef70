"""Running one task on a node: inputs in, an exit code and a description of any error out."""

from __future__ import annotations

import errno
import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from batchmgr.errors import InvalidInputError, InvalidJobError, RetryableTaskError, UnknownTaskTypeError
from batchmgr.plan.job_plan import FINALIZE_FILE, FINALIZE_VARIABLE, INPUTS_VARIABLE, TASK_ERROR_FILE
from batchmgr.workload.entry_points import EntryPoint, EntryPointsRepository
from batchmgr.workload.manifest import ManifestError
from batchmgr.workload.task import TaskContext

EXIT_SUCCESS = 0
EXIT_CODES = {"error": 1, "input": 2, "infrastructure": 70, "retryable": 75}
"""Exit code for each kind of failure: the task's own error, unusable input, the node or its version of the
workload, and what may pass by running again (the last two as in sysexits.h)."""

_MACHINE_TROUBLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.ENOMEM})
_MAX_MESSAGE = 2_000
_MAX_TRACEBACK_LINES = 20
_KILLED = {"type": "Killed", "message": "The FinalizeTask was killed.", "traceback": "", "kind": "error"}


def run_task(repository: EntryPointsRepository, name: str, environment: Mapping[str, str]) -> int:
    """Run the task type of this name; answers the exit code for the process."""
    context = TaskContext.from_environment(environment)
    error = attempt(context, lambda: _run(repository.find(name), environment, context))
    return exit_code(error)


def run_finalize(repository: EntryPointsRepository, environment: Mapping[str, str]) -> int:
    """Run the FinalizeTask and leave the finalize file behind, whatever happens; answers the exit code."""
    context = TaskContext.from_environment(environment)
    message = _read_object(environment, FINALIZE_VARIABLE)
    path = context.working_directory / FINALIZE_FILE
    # Written beforehand too: Azure Batch uploads it also when this process is killed.
    write_json(path, {**message, "finalizeTask": {"succeeded": False, "error": _KILLED}})
    error = attempt(context, lambda: _run(repository.finalize_entry_point, environment, context))
    write_json(path, {**message, "finalizeTask": {"succeeded": error is None, "error": error}})
    return exit_code(error)


def attempt(context: TaskContext, run: Callable[[], None]) -> dict[str, str] | None:
    """Run it; an exception goes to stderr and to the error file, and is answered as that file's content."""
    error_file = context.working_directory / TASK_ERROR_FILE
    if error_file.exists():  # of an earlier try in the same directory
        error_file.unlink()
    try:
        run()
    except SystemExit as stop:  # a task that is an old program may end so, even when all is well
        if not stop.code:
            return None
        error = _describe(stop)
    except Exception as exception:
        error = _describe(exception)
    else:
        return None
    finally:
        context.reporter.close()
    if error["kind"] == "error":
        sys.stderr.write(error["traceback"])
    else:
        sys.stderr.write(f"{_WORDS[error['kind']]}: {error['message']}\n")
    write_json(error_file, error)
    return error


def exit_code(error: Mapping[str, str] | None) -> int:
    """The exit code that tells what kind of error it was."""
    return EXIT_SUCCESS if error is None else EXIT_CODES[error["kind"]]


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file, replaced as a whole, so that no half of it is ever uploaded."""
    unfinished = path.with_name(f".{path.name}")
    unfinished.write_text(json.dumps(content), encoding="utf-8")
    os.replace(str(unfinished), str(path))


def _run(entry_point: EntryPoint, environment: Mapping[str, str], context: TaskContext) -> None:
    inputs = _read_object(environment, INPUTS_VARIABLE)
    entry_point.builder_type().build(entry_point.task_type, inputs, context).run()


def _read_object(environment: Mapping[str, str], variable: str) -> dict[str, Any]:
    try:
        content = json.loads(environment.get(variable, "{}"))
    except ValueError as error:
        raise InvalidInputError(f"{variable} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise InvalidInputError(f"{variable} must be a JSON object, not {type(content).__name__}")
    return content


_WORDS = {"input": "Invalid input", "retryable": "Try again", "infrastructure": "The node failed"}


def _describe(error: BaseException) -> dict[str, str]:
    lines = "".join(traceback.format_exception(type(error), error, error.__traceback__)).splitlines(True)
    return {
        "type": type(error).__name__,
        "message": str(error)[:_MAX_MESSAGE],
        "traceback": "".join(lines[-_MAX_TRACEBACK_LINES:]),
        "kind": _kind(error),
        "field": error.field if isinstance(error, InvalidJobError) else "",
    }


def _kind(error: BaseException) -> str:
    if isinstance(error, (InvalidInputError, InvalidJobError)):
        return "input"
    if isinstance(error, RetryableTaskError):
        return "retryable"
    if isinstance(error, (UnknownTaskTypeError, ManifestError, MemoryError)):
        return "infrastructure"
    if isinstance(error, OSError) and error.errno in _MACHINE_TROUBLE:
        return "infrastructure"
    return "error"
