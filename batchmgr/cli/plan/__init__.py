"""`batchmgr plan FILE`: shows the tasks of a job before anything runs.

The command works offline, without Azure. The exception is a `taskPerFile` factory: its blobs are listed in
the storage account that the environment names, with the same settings as for the app.
"""

import argparse
import asyncio
import os
from pathlib import Path

import msgspec

from batchmgr.cli.plan.format_plan import format_plan
from batchmgr.cli.plan.offline_preview import preview_ports, read_message
from batchmgr.usecases.preview import UNNAMED, preview
from batchmgr.wire.job_message import JobMessage
from batchmgr.wire.plan_preview import PlanPreview


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("file", type=Path, metavar="FILE", help="a job message in JSON")
    parser.add_argument(
        "--tasks", type=_number, default=3, metavar="N", help="show the first N tasks (default 3)"
    )
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object, the same as the answer of POST /api/plan"
    )


def run(args: argparse.Namespace) -> int:
    """Print the plan. Return 1 if the job would be rejected, else 0."""
    answer = asyncio.run(_preview(read_message(args.file), args.tasks))
    print(msgspec.json.encode(answer).decode() if args.json else format_plan(answer))
    return 1 if answer.problems else 0


async def _preview(message: JobMessage, limit: int) -> PlanPreview:
    async with preview_ports(message, os.environ) as ports:
        return await preview(ports, message.job_id or UNNAMED, message, limit)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError("must be a whole number")
    return int(text)
