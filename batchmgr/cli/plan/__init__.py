"""`batchmgr plan FILE`: shows the tasks of a job before anything runs.

The command works offline, without Azure. The exception is a `taskPerFile` factory: its blobs are listed in
the storage account that the environment names, with the same settings as for the app.
"""

import argparse
import asyncio
import os
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path

import msgspec

from batchmgr.adapters.workload_registry import WorkloadRegistry
from batchmgr.bootstrap import open_node_storage
from batchmgr.cli.plan.format_plan import format_plan
from batchmgr.cli.plan.offline_storage import OfflineStorage
from batchmgr.dispatcher.memory_ports import UnlimitedThreads
from batchmgr.errors import BatchmgrError, InvalidJobError, SettingsError
from batchmgr.plan.container_rules import ContainerRules
from batchmgr.settings import Settings
from batchmgr.storage_ports import NodeStorageView
from batchmgr.usecases.preview import UNNAMED, PreviewPorts, preview
from batchmgr.wire.factory_message import TaskPerFile
from batchmgr.wire.job_message import JobMessage, decode_job
from batchmgr.wire.plan_preview import PlanPreview

DEFAULT_POOL = "(the app's default pool)"


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
    try:
        body = args.file.read_bytes()
    except OSError as error:
        raise BatchmgrError(f"{error.filename}: {error.strerror}.") from error
    try:
        message = decode_job(body)
    except InvalidJobError as error:
        raise BatchmgrError(f"{args.file}: {error}") from error
    answer = asyncio.run(_preview(message, os.environ, args.tasks))
    print(msgspec.json.encode(answer).decode() if args.json else format_plan(answer))
    return 1 if answer.problems else 0


async def _preview(message: JobMessage, environment: Mapping[str, str], limit: int) -> PlanPreview:
    settings = Settings.from_environment(environment)
    async with _storage(message, settings) as storage:
        around = PreviewPorts(
            storage=storage,
            workloads=WorkloadRegistry(named=settings.workloads),
            threads=UnlimitedThreads(),
            default_pool_id=settings.default_pool_id or DEFAULT_POOL,
            containers=ContainerRules(allowed=settings.containers),
            keep_streams=settings.keep_streams,
            check_callback=lambda uri: None,  # only the app's settings say which hosts it may call
        )
        return await preview(around, message.job_id or UNNAMED, message, limit)


def _storage(message: JobMessage, settings: Settings) -> AbstractAsyncContextManager[NodeStorageView]:
    if not isinstance(message.task_factory, TaskPerFile):
        return nullcontext(OfflineStorage())
    try:
        settings.check_storage()
    except SettingsError as error:
        raise SettingsError(
            f"taskFactory.source: the blobs must be listed to plan this job; {error}"
        ) from error
    return open_node_storage(settings)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError("must be a whole number")
    return int(text)
