"""A local run: the ports of a job that runs here, and the job from its plan to its outcome."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import msgspec

from batchmgr.adapters.http_callback import HttpCallbackSender
from batchmgr.adapters.system_clock import SystemClock
from batchmgr.dispatcher.check_input_blobs import require_inputs
from batchmgr.dispatcher.dispatch import dispatch
from batchmgr.dispatcher.event_file import EventFile
from batchmgr.dispatcher.folder_job_files import FolderJobFiles
from batchmgr.dispatcher.folder_storage import FolderStorage
from batchmgr.dispatcher.local_batch import NodeBatch
from batchmgr.dispatcher.local_node import Node
from batchmgr.dispatcher.memory_ports import MemoryFinalizeSignal, MemoryJobQueue, MemoryJobStore
from batchmgr.dispatcher.run_directory import RunDirectory
from batchmgr.dispatcher.single_workload_registry import SoleWorkload
from batchmgr.dispatcher.terminal_output import Terminal
from batchmgr.model.job_record import JobRecord
from batchmgr.plan.job_plan import JobPlan
from batchmgr.ports import Clock, Ports
from batchmgr.settings import Settings
from batchmgr.steps.plan_job import plan_job
from batchmgr.wire.adf_callback import adf_callback
from batchmgr.wire.job_message import JobMessage
from batchmgr.wire.job_rules import check_job
from batchmgr.workload.workload_base import WorkloadBase

POOL_ID = "local"
"""The pool of jobs that name none."""


def run_job(
    workload: WorkloadBase,
    message: JobMessage,
    directory: RunDirectory,
    inputs: Path,
    terminal: Terminal,
    clock: Clock | None = None,
) -> JobRecord:
    """Run the job of this message, which has an id, in `directory`; its record at the end.

    `inputs` is the folder of the blobs that are there already. Both paths are absolute, for tasks have
    directories of their own. Nothing is touched before the job is known to be good: InvalidJobError,
    LocalRunError.
    """
    check_job(message)
    clock, workloads = clock or SystemClock(), SoleWorkload(workload)
    storage = FolderStorage(directory.storage, inputs)
    plan = plan_job(message.job_id, message, workloads=workloads, default_pool_id=POOL_ID)
    require_inputs(plan, storage)
    with (
        asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner,
        _callback_sender(runner, message.call_back_uri) as callbacks,
        directory.begun(message.job_id, inputs) as is_again,
    ):
        terminal.begin(message.job_id, directory, is_again=is_again)
        node, batch = Node(directory, storage, workload), NodeBatch(clock, directory)
        _tell_limits(plan, node, terminal)
        ports = Ports(
            clock=clock,
            batch=batch,
            jobs=MemoryJobStore(),
            events=EventFile(directory.events),
            sink=terminal,
            queue=MemoryJobQueue(clock),
            finalize=MemoryFinalizeSignal(),
            files=FolderJobFiles(directory.storage),
            storage=storage,
            callbacks=callbacks,
            workloads=workloads,
            default_pool_id=POOL_ID,
        )
        run_task = partial(node.run, plan)
        record = dispatch(runner, ports, batch, message, run_task, terminal.note)
        body = msgspec.json.format(msgspec.json.encode(adf_callback(record)))
        directory.callback.write_bytes(body + b"\n")
    terminal.end(record, directory)
    return record


@contextmanager
def _callback_sender(runner: asyncio.Runner, uri: str) -> Iterator[HttpCallbackSender]:
    """A sender to the one host that was named: whoever names it allows it. InvalidJobError, SettingsError."""

    async def opened() -> aiohttp.ClientSession:
        return aiohttp.ClientSession()

    key = Settings.from_environment(os.environ).callback_key
    session = runner.run(opened())
    try:
        host = urlsplit(uri).hostname or ""
        sender = HttpCallbackSender(session, hosts=(host,), allow_loopback=True, key=key)
        if uri:
            sender.check(uri)
        yield sender
    finally:
        runner.run(session.close())


def _tell_limits(plan: JobPlan, node: Node, terminal: Terminal) -> None:
    """Say what of the plan means nothing here."""
    tasks = plan.all_tasks
    if any(task.max_wall_clock_time is not None and node.is_own(task) for task in tasks):
        terminal.note("Time limits hold on nodes: here, the workload's own tasks run as long as they like.")
    ignored = {
        "the job's time limit": plan.job.max_wall_clock_time,
        "the job preparation task": plan.job.job_preparation_task,
        "the job release task": plan.job.job_release_task,
        "containers": any(task.container_settings for task in tasks),
        "user identities": any(task.user_identity for task in tasks),
        "application packages": any(task.application_packages for task in tasks),
        "several instances of a task": any(task.multi_instance_settings for task in tasks),
    }
    given = [name for name, is_given in ignored.items() if is_given]
    if given:
        terminal.note(f"Left out here, where there are no nodes: {', '.join(given)}.")
