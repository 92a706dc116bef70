"""`make chaos`: a storm over the stack on this machine, and the checks that every job ends all the same."""

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

from batchmgr.cli.stop_signals import run_until_signal
from batchmgr.errors import StackError
from tests.storm.storm_plan import StormOptions, StormPlan, draw_plan
from tests.storm.storm_run import StormResult, run_storm

FAILED, NOT_RUN, INTERRUPTED = 1, 2, 130
_LARGEST_SEED = 10**6

_DESCRIPTION = """\
Run a storm over the whole stack on this machine, and check that every job ends all the same.

The stack is Azurite, the fake Azure Batch, a stand-in for Event Grid and several Functions hosts. While jobs
of many kinds are sent, hosts are killed and stopped, services stand still, requests fail and answers get
lost. Then everything calms down, and every check is made: each job has ended once, with the truth, and its
callback was accepted; nothing is left over.
"""
_EPILOG = """\
The plan of jobs and troubles is drawn from the seed, and printed first. The same seed and options give the
same plan. How the machine meets it differs from run to run, so a rare failure may need several runs.

Exit codes: 0 if every check holds, 1 if one does not, 2 if the storm could not be run.
"""


def main() -> int:
    """Run the command. Return its exit code."""
    args = _parser().parse_args()
    seed = random.randrange(_LARGEST_SEED) if args.seed is None else args.seed
    plan = draw_plan(
        StormOptions(seed=seed, jobs=args.jobs, seconds=args.seconds, hosts=args.hosts, is_short=args.short)
    )
    _say_plan(plan)
    if args.plan:
        return 0
    directory = Path(tempfile.mkdtemp(prefix="batchmgr-storm-"))
    return asyncio.run(
        run_until_signal(_run(plan, directory, args.patience, keep=args.keep), interrupted=INTERRUPTED)
    )


async def _run(plan: StormPlan, directory: Path, patience: float, *, keep: bool) -> int:
    began = time.monotonic()
    logs = f"The logs are in {directory}/stack/logs."
    try:
        result = await run_storm(
            plan,
            directory / "stack",
            patience=patience,
            say=lambda text: _say(f"{time.monotonic() - began:7.1f} s  {text}"),
        )
    except BaseExceptionGroup as errors:
        if errors.subgroup(StackError) is None:
            raise
        return _could_not_run(errors.exceptions[0], logs)
    except StackError as error:
        return _could_not_run(error, logs)
    _say_result(result, plan.options.seed)
    if keep or result.failures:
        _say(logs)
    else:
        shutil.rmtree(directory, ignore_errors=True)
    return FAILED if result.failures else 0


def _could_not_run(error: BaseException, logs: str) -> int:
    sys.stderr.write(f"The storm could not be run: {error}\n{logs}\n")
    return NOT_RUN


def _say(text: str = "") -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _say_plan(plan: StormPlan) -> None:
    options = plan.options
    _say(
        f"Seed {options.seed}: {len(plan.jobs)} jobs and {len(plan.troubles)} troubles "
        f"in {plan.seconds:.0f} s, with {options.hosts} hosts."
    )
    for line in plan.lines():
        _say(line)
    _say()


def _say_result(result: StormResult, seed: int) -> None:
    _say()
    for figure in result.figures:
        _say(figure)
    _say()
    if not result.failures:
        _say("Every check holds.")
        return
    _say(f"{len(result.failures)} checks fail. The same options with seed {seed} give the same plan again.")
    for failure in result.failures:
        _say(f"- {failure}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.storm",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seed", type=int, help="draws the plan (default: a new one)")
    parser.add_argument("--jobs", type=int, default=60, help="how many jobs to send (default: %(default)s)")
    parser.add_argument(
        "--seconds", type=float, help="how long the storm lasts (default: one second a job, at least 20)"
    )
    parser.add_argument(
        "--hosts", type=int, default=2, help="how many Functions hosts (default: %(default)s)"
    )
    parser.add_argument(
        "--patience",
        type=float,
        default=780,
        metavar="SECONDS",
        help="how long to wait for the jobs after the storm (default: %(default)s). A message that a killed "
        "host had taken comes back after ten minutes",
    )
    parser.add_argument("--short", action="store_true", help="a gentle storm of ten jobs, as in make test")
    parser.add_argument("--plan", action="store_true", help="only print the plan")
    parser.add_argument("--keep", action="store_true", help="keep the logs even if every check holds")
    return parser


if __name__ == "__main__":
    sys.exit(main())
