"""`batchmgr redrive`: has an app send the callback of a job again that it has given up."""

import argparse
from urllib.parse import quote

from batchmgr.cli.app_client import add_app_arguments, call_app


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("job", metavar="JOB", help="the id of the job")
    add_app_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Redrive the callback. Return 0."""
    answer = call_app(args, "POST", f"/jobs/{quote(args.job, safe='')}/redrive")
    print(f"The callback of job {answer['jobId']} is sent again. Follow it: {answer['statusUri']}")
    return 0
