"""`python -m <workload package> local`: runs a whole job in this process."""

import argparse
import logging
import re
import sys
import traceback
from pathlib import Path

import msgspec

from batchmgr.dispatcher.run_directory import RunDirectory
from batchmgr.dispatcher.run_local_job import run_local_job
from batchmgr.dispatcher.terminal_output import TerminalOutput
from batchmgr.errors import BatchmgrError, InvalidJobError
from batchmgr.model.job_states import JobState
from batchmgr.plan.ids import is_valid_id
from batchmgr.wire.job_message import JobMessage, decode_job
from batchmgr.workload.job_arguments import read_inputs
from batchmgr.workload.workload_base import WorkloadBase

HOME = Path("batchmgr-local")
"""The default parent directory of runs and their storage, below the current directory."""

INTERRUPTED = 130
EXIT_CODES = {JobState.SUCCEEDED: 0, JobState.REJECTED: 2, JobState.CANCELLED: INTERRUPTED}
"""Exit codes by the job's final state. Any other state gives 1."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "--inputs", default="{}", metavar="JSON|@FILE", help="the job's inputs, a JSON object (default {})"
    )
    parser.add_argument("--job-id", metavar="ID", help="the job's id (default: the workload's name)")
    parser.add_argument(
        "--directory",
        type=Path,
        metavar="DIR",
        help=f"directory for everything the run writes (default {HOME}/<job id>)",
    )
    parser.add_argument(
        "--storage",
        type=Path,
        metavar="DIR",
        default=HOME / "storage",
        help="directory of the input blobs, as <container>/<path> (default %(default)s)",
    )
    parser.add_argument(
        "--callback", default="", metavar="URL", help="send the callback to this URL when the job has ended"
    )
    parser.add_argument(
        "--webhook",
        nargs="+",
        action="append",
        default=[],
        metavar=("URL", "PATTERN"),
        help="send these events to this URL while the job runs (default job.*); may be repeated",
    )
    parser.add_argument(
        "--notify",
        nargs="+",
        default=(),
        metavar="PATTERN",
        help="show only these events, such as task.failed",
    )


def run(workload: WorkloadBase, args: argparse.Namespace) -> int:
    """Run the job. Return the exit code.

    It is 0 if the job succeeded, 1 if it did not, 2 if it can't be run, and 130 after Ctrl-C.
    """
    # Without a handler, logging would print warnings to stderr that the terminal output shows already.
    logging.getLogger("batchmgr").addHandler(logging.NullHandler())
    try:
        message = _message(workload, args)
        directory = RunDirectory((args.directory or HOME / message.job_id).absolute())
        record = run_local_job(
            workload, message, directory, args.storage.absolute(), TerminalOutput(sys.stdout)
        )
    except BatchmgrError as error:
        where = _failure_location(workload, error)
        sys.stderr.write(f"{workload.package} local: {error}{f' ({where})' if where else ''}\n")
        return 2
    except KeyboardInterrupt:
        return INTERRUPTED
    return EXIT_CODES.get(record.state, 1)


def _message(workload: WorkloadBase, args: argparse.Namespace) -> JobMessage:
    """Return the job message that a producer would send. Raises InvalidJobError."""
    job_id = args.job_id or re.sub(r"[^A-Za-z0-9]+", "-", workload.name).strip("-")[:64] or "local"
    if not is_valid_id(job_id):
        raise InvalidJobError("must be 1 to 64 of A-Z a-z 0-9 _ -", field="--job-id")
    fields = {
        "jobId": job_id,
        "workload": workload.name,
        "notify": args.notify,
        "callBackUri": args.callback,
        "webhooks": [{"uri": uri, "events": events or ["job.*"]} for uri, *events in args.webhook],
        "inputs": read_inputs(args.inputs),
    }
    return decode_job(msgspec.json.encode(fields))


def _failure_location(workload: WorkloadBase, error: BaseException) -> str:
    """Return where in the workload's code the error began, as `file, line n`, or "" if it began elsewhere."""
    module = sys.modules[type(workload).__module__]
    package = Path(module.__file__ or "").parent
    cause = error.__cause__
    for frame in reversed(traceback.extract_tb(cause.__traceback__) if cause else []):
        if Path(frame.filename).is_relative_to(package):
            return f"{frame.filename}, line {frame.lineno}"
    return ""
