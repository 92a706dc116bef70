"""The commands `task` and `finalize`, which run one task on a node.

A task that fails leaves its error report in a file and ends the process with the exit code of its kind of
failure.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from batchmgr.errors import InvalidInputError
from batchmgr.plan.job_plan import FINALIZE_FILE, FINALIZE_VARIABLE, INPUTS_VARIABLE, TASK_ERROR_FILE
from batchmgr.workload.entry_points import EntryPoint, EntryPointsRepository
from batchmgr.workload.task_error_report import ERROR, INFRASTRUCTURE, INPUT, RETRYABLE, TaskErrorReport
from batchmgr.workload.workload_task import TaskContext

EXIT_SUCCESS = 0
EXIT_CODES = {ERROR: 1, INPUT: 2, INFRASTRUCTURE: 70, RETRYABLE: 75}
"""The exit code for each kind of failure. 70 and 75 are EX_SOFTWARE and EX_TEMPFAIL of sysexits.h."""

_PREFIXES = {INPUT: "Invalid input", RETRYABLE: "Try again", INFRASTRUCTURE: "The node failed"}
"""What the line on stderr begins with, for failures that need no traceback."""

_KILLED = {"type": "Killed", "message": "The FinalizeTask was killed.", "traceback": "", "kind": ERROR}
"""The error that the finalize file names until the FinalizeTask has ended."""


def run_task(repository: EntryPointsRepository, name: str, environment: Mapping[str, str]) -> int:
    """Run the task type of this name. Return the exit code for the process."""
    context = TaskContext.from_environment(environment)
    error = attempt(context, lambda: _run(repository.find(name), environment, context))
    return exit_code(error)


def run_finalize(repository: EntryPointsRepository, environment: Mapping[str, str]) -> int:
    """Run the FinalizeTask and write the finalize file, however it ends. Return the exit code."""
    context = TaskContext.from_environment(environment)
    message = _read_object(environment, FINALIZE_VARIABLE)
    path = context.working_directory / FINALIZE_FILE
    # Written before the task runs too: Azure Batch uploads the file even if this process is killed.
    write_json(path, {**message, "finalizeTask": {"succeeded": False, "error": _KILLED}})
    error = attempt(context, lambda: _run(repository.finalize_entry_point, environment, context))
    end = {"succeeded": error is None, "error": error.to_dict() if error else None}
    write_json(path, {**message, "finalizeTask": end})
    return exit_code(error)


def attempt(context: TaskContext, run: Callable[[], None]) -> TaskErrorReport | None:
    """Run a task. Write an exception to stderr and to the error file, and return its report."""
    error_file = context.working_directory / TASK_ERROR_FILE
    if error_file.exists():  # from an earlier attempt in the same directory
        error_file.unlink()
    try:
        run()
    except SystemExit as stop:  # old programs may call exit() even when they succeed
        if not stop.code:
            return None
        error = TaskErrorReport.of(stop)
    except Exception as exception:
        error = TaskErrorReport.of(exception)
    else:
        return None
    finally:
        context.reporter.close()
    if error.kind == ERROR:
        sys.stderr.write(error.traceback)
    else:
        sys.stderr.write(f"{_PREFIXES[error.kind]}: {error.message}\n")
    write_json(error_file, error.to_dict())
    return error


def exit_code(error: TaskErrorReport | None) -> int:
    """Return the exit code that says how a task ended."""
    return EXIT_SUCCESS if error is None else EXIT_CODES[error.kind]


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file in one step, so that a half-written file is never uploaded."""
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
