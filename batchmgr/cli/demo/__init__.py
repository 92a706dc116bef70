"""`batchmgr demo`: runs the sample job on a genome, from the queue message to the callback."""

import asyncio
import shutil
import sys
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from rich.console import Console

from batchmgr.cli import INTERRUPTED
from batchmgr.cli.arguments import argument, option
from batchmgr.cli.demo.callback_listener import CallbackListener, callback_listener
from batchmgr.cli.demo.job_client import download_results, enqueue_job, follow_events, upload_genome
from batchmgr.cli.demo.job_progress import JobProgress
from batchmgr.cli.demo.live_view import DemoView
from batchmgr.cli.demo.print_outcome import print_callback, print_results
from batchmgr.cli.stop_signals import run_until_signal
from batchmgr.devstack.project_paths import SAMPLE_GENOME
from batchmgr.devstack.stack import Stack, StackOptions, running_stack
from batchmgr.errors import StackError

_ENDS = {
    "failed": "failed",
    "partial": "failed in part",
    "rejected": "was rejected",
    "cancelled": "was cancelled",
    "timed_out": "exceeded its time limit",
}


@dataclass(frozen=True, kw_only=True)
class DemoOptions:
    """What to run: a FASTA file, the length of the k-mers, the number of tasks, the output directory."""

    genome: Path
    k: int
    windows: int
    output: Path
    timeout_s: int


def run(
    genome: Annotated[Path, argument("INPUT", "a FASTA file (default: the sample genome)")] = SAMPLE_GENOME,
    k: Annotated[int, option("--k", text="length of the k-mers (default 6)")] = 6,
    windows: Annotated[int, option("--windows", text="number of tasks (default 8)")] = 8,
    output: Annotated[
        Path, option("--output", metavar="DIR", text="directory for the results (default demo-output)")
    ] = Path("demo-output"),
    timeout: Annotated[
        int, option("--timeout", metavar="SECONDS", text="time limit for the whole job (default 120)")
    ] = 120,
) -> int:
    """Run the demo. Return 0 if the job succeeded and its results were downloaded, else 1."""
    options = DemoOptions(genome=genome, k=k, windows=windows, output=output, timeout_s=timeout)
    _require_usable(options)
    return asyncio.run(run_until_signal(_demo(options), interrupted=INTERRUPTED))


def _require_usable(options: DemoOptions) -> None:
    """Raise StackError if the input or the output directory cannot be used, before anything is started."""
    try:
        with options.genome.open("rb"):
            pass
        options.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StackError(f"{error.filename}: {error.strerror}.") from error


async def _demo(options: DemoOptions) -> int:
    console = Console(highlight=False)
    view = DemoView(console)
    view.say(f"counting the {options.k}-mers of {options.genome.name} in {options.windows} windows")
    with view.live():
        async with running_stack(
            # The sample has no application package: its nodes use the Python that has it installed.
            StackOptions(patient=True, node_python=Path(sys.executable)),
            report=lambda part: view.say(f"starting {part}"),
        ) as stack:
            async with callback_listener() as listener:
                callback = await stack.run_supervised(_run_job(stack, listener, options, view))
            files = await download_results(callback["Output"]["results"], options.output)
        view.say("all parts are stopped")
    print_callback(console, callback)
    if files:
        print_results(console, files)
    if error := callback.get("Error"):
        print(f"The job {_ENDS[callback['Output']['state']]}: {error['Message']}", file=sys.stderr)
        return 1
    return 0


async def _run_job(
    stack: Stack, listener: CallbackListener, options: DemoOptions, view: DemoView
) -> Mapping[str, Any]:
    """Send the job, follow it to its end, and return the callback's body. Raises StackError on a timeout."""
    genome = await upload_genome(stack.endpoints, options.genome)
    view.say("uploaded", detail=genome)
    message = _job_message(genome, options, listener.uri)
    await enqueue_job(stack.endpoints, message)
    view.say("sent", detail=f"job {message['jobId']}, as a message on the queue")
    progress = JobProgress(windows=options.windows)
    try:
        async with (
            asyncio.timeout(options.timeout_s),
            aclosing(follow_events(stack.endpoints, str(message["jobId"]))) as events,
        ):
            async for event in events:
                progress = progress.after(event)
                view.show(event, progress)
                if progress.state.is_final:
                    break
            return await listener.received
    except TimeoutError as error:
        waited_for = "its callback" if progress.state.is_final else f"the job, which is {progress.state}"
        raise StackError(
            f"After {options.timeout_s} s the demo is still waiting for {waited_for}.{_logs(stack, options)}"
        ) from error


def _job_message(genome: str, options: DemoOptions, callback_uri: str) -> Mapping[str, object]:
    return {
        "jobId": f"kmers-{datetime.now():%Y%m%d-%H%M%S}",
        "workload": "genome_kmers",
        "inputs": {"genome": genome, "k": options.k, "windows": options.windows},
        "callBackUri": callback_uri,
    }


def _logs(stack: Stack, options: DemoOptions) -> str:
    """Copy the logs, which are deleted with the stack. Return where they are, and their last lines."""
    kept = options.output / "logs"
    shutil.copytree(stack.log_directory, kept, dirs_exist_ok=True)
    tails = "".join(f"\n\n{name}:\n{tail}" for name, tail in stack.log_tails().items())
    return f" The logs are in {kept}.{tails}"
