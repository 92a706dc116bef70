"""Running one task on a node: inputs in, an exit code and a description of any error out."""

import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from batchmgr.errors import InvalidInputError
from batchmgr.model.plan import FINALIZE_FILE, FINALIZE_VARIABLE, INPUTS_VARIABLE, TASK_ERROR_FILE
from batchmgr.workload.entry_points import EntryPoint, EntryPointsRepository
from batchmgr.workload.task import TaskContext

EXIT_SUCCESS = 0
EXIT_ERROR = 1
EXIT_INVALID_INPUT = 2

_MAX_MESSAGE = 2_000
_MAX_TRACEBACK_LINES = 20
_KILLED = {"type": "Killed", "message": "The FinalizeTask was killed.", "traceback": "", "kind": "error"}


def run_task(repository: EntryPointsRepository, name: str, environment: Mapping[str, str]) -> int:
    """Run the task type of this name; answers the exit code for the process."""
    context = TaskContext.from_environment(environment)
    error = _attempt(context, lambda: _run(repository.find(name), environment, context))
    return _exit_code(error)


def run_finalize(repository: EntryPointsRepository, environment: Mapping[str, str]) -> int:
    """Run the FinalizeTask and leave the finalize file behind, whatever happens; answers the exit code."""
    context = TaskContext.from_environment(environment)
    message = json.loads(environment.get(FINALIZE_VARIABLE, "{}"))
    path = context.working_directory / FINALIZE_FILE
    # Written beforehand too: Azure Batch uploads it also when this process is killed.
    _write_json(path, message | {"finalizeTask": {"succeeded": False, "error": _KILLED}})
    error = _attempt(context, lambda: _run(repository.finalize_entry_point, environment, context))
    _write_json(path, message | {"finalizeTask": {"succeeded": error is None, "error": error}})
    return _exit_code(error)


def _run(entry_point: EntryPoint, environment: Mapping[str, str], context: TaskContext) -> None:
    inputs = _read_inputs(environment)
    entry_point.builder_type().build(entry_point.task_type, inputs, context).run()


def _read_inputs(environment: Mapping[str, str]) -> dict[str, Any]:
    try:
        inputs = json.loads(environment.get(INPUTS_VARIABLE, "{}"))
    except ValueError as error:
        raise InvalidInputError(f"{INPUTS_VARIABLE} is not JSON: {error}") from error
    if not isinstance(inputs, dict):
        raise InvalidInputError(f"{INPUTS_VARIABLE} must be a JSON object, not {type(inputs).__name__}")
    return inputs


def _attempt(context: TaskContext, run: Callable[[], None]) -> dict[str, str] | None:
    """Run it; an exception goes to stderr and to the error file, and is answered as that file's content."""
    error_file = context.working_directory / TASK_ERROR_FILE
    error_file.unlink(missing_ok=True)  # of an earlier try in the same directory
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
    if error["kind"] == "input":
        sys.stderr.write(f"Invalid input: {error['message']}\n")
    else:
        sys.stderr.write(error["traceback"])
    _write_json(error_file, error)
    return error


def _describe(error: BaseException) -> dict[str, str]:
    lines = "".join(traceback.format_exception(error)).splitlines(keepends=True)
    return {
        "type": type(error).__name__,
        "message": str(error)[:_MAX_MESSAGE],
        "traceback": "".join(lines[-_MAX_TRACEBACK_LINES:]),
        "kind": "input" if isinstance(error, InvalidInputError) else "error",
    }


def _exit_code(error: dict[str, str] | None) -> int:
    if error is None:
        return EXIT_SUCCESS
    return EXIT_INVALID_INPUT if error["kind"] == "input" else EXIT_ERROR


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    # Replaced as a whole, so that no half of it is ever uploaded.
    unfinished = path.with_name(f".{path.name}")
    unfinished.write_text(json.dumps(value), encoding="utf-8")
    os.replace(unfinished, path)
