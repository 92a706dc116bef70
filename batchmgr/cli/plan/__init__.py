"""`batchmgr plan FILE`: shows the tasks of a job before anything runs.

The command works offline, without Azure. The exception is a `taskPerFile` factory: its blobs are listed in
the storage account that the environment names, with the same settings as for the app.
"""

import asyncio
import os
from pathlib import Path
from typing import Annotated

import msgspec

from batchmgr.cli.arguments import argument, option
from batchmgr.cli.output import TextOrJson
from batchmgr.cli.plan.format_plan import format_plan
from batchmgr.cli.plan.offline_preview import preview_ports, read_message
from batchmgr.usecases.preview import UNNAMED, preview
from batchmgr.wire.job_message import JobMessage
from batchmgr.wire.plan_preview import PlanPreview


def run(
    file: Annotated[Path, argument("FILE", "a job message in JSON")],
    tasks: Annotated[
        int, option("--tasks", metavar="N", min=0, text="show the first N tasks (default 3)")
    ] = 3,
    output: TextOrJson = "text",
) -> int:
    """Print the plan; its JSON is the answer of POST /api/plan. Return 1 if the job would be rejected."""
    answer = asyncio.run(_preview(read_message(file), tasks))
    print(msgspec.json.encode(answer).decode() if output == "json" else format_plan(answer))
    return 1 if answer.problems else 0


async def _preview(message: JobMessage, limit: int) -> PlanPreview:
    async with preview_ports(message, os.environ) as ports:
        return await preview(ports, message.job_id or UNNAMED, message, limit)
