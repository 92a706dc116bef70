"""`python -m <workload package> local`: run a whole job here, in this process."""

import argparse
import logging
import re
import sys
from pathlib import Path

import msgspec

from batchmgr.dispatcher.run_directory import RunDirectory
from batchmgr.dispatcher.run_local_job import run_job
from batchmgr.dispatcher.single_workload_registry import place_of_failure
from batchmgr.dispatcher.terminal_output import Terminal
from batchmgr.errors import BatchmgrError, InvalidJobError
from batchmgr.model.job_states import JobState
from batchmgr.plan.ids import is_valid_id
from batchmgr.wire.job_message import JobMessage, decode_job
from batchmgr.workload.job_arguments import read_inputs
from batchmgr.workload.workload_base import WorkloadBase

HOME = Path("batchmgr-local")
"""Where runs and their storage are by default, below the current directory."""

INTERRUPTED = 130
EXIT_CODES = {JobState.SUCCEEDED: 0, JobState.REJECTED: 2, JobState.CANCELLED: INTERRUPTED}
"""Exit codes by the job's end; 1 for any other."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument(
        "--inputs", default="{}", metavar="JSON|@FILE", help="the job's inputs, a JSON object (default {})"
    )
    parser.add_argument("--job-id", metavar="ID", help="default: the workload's name")
    parser.add_argument(
        "--directory", type=Path, metavar="DIR", help=f"where the run keeps all it writes; {HOME}/<job id>"
    )
    parser.add_argument(
        "--storage",
        type=Path,
        metavar="DIR",
        default=HOME / "storage",
        help="where input blobs are, as <container>/<path>; default %(default)s",
    )
    parser.add_argument("--callback", default="", metavar="URL", help="call this back at the end")
    parser.add_argument(
        "--notify", nargs="+", default=(), metavar="PATTERN", help="events to show, such as task.failed"
    )


def run(workload: WorkloadBase, args: argparse.Namespace) -> int:
    """Run the job; the exit code: 0 if it succeeded, 1 if not, 2 if it can't be run, 130 after Ctrl-C."""
    # Without this, the last resort of logging repeats on stderr what the terminal tells.
    logging.getLogger("batchmgr").addHandler(logging.NullHandler())
    try:
        message = _message(workload, args)
        directory = RunDirectory((args.directory or HOME / message.job_id).absolute())
        record = run_job(workload, message, directory, args.storage.absolute(), Terminal(sys.stdout))
    except BatchmgrError as error:
        where = place_of_failure(workload, error)
        sys.stderr.write(f"{workload.package} local: {error}{f' ({where})' if where else ''}\n")
        return 2
    except KeyboardInterrupt:
        return INTERRUPTED
    return EXIT_CODES.get(record.state, 1)


def _message(workload: WorkloadBase, args: argparse.Namespace) -> JobMessage:
    """The job message that a producer would send. InvalidJobError."""
    job_id = args.job_id or re.sub(r"[^A-Za-z0-9]+", "-", workload.name).strip("-")[:64] or "local"
    if not is_valid_id(job_id):
        raise InvalidJobError("must be 1 to 64 of A-Z a-z 0-9 _ -", field="--job-id")
    fields = {"jobId": job_id, "workload": workload.name, "notify": args.notify, "callBackUri": args.callback}
    return decode_job(msgspec.json.encode(fields | {"inputs": read_inputs(args.inputs)}))
