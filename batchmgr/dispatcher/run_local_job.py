"""Runs a job on this machine: connects the local ports and dispatches the job."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import aiohttp
import msgspec

from batchmgr.adapters.http_callback import HttpCallbackSender
from batchmgr.adapters.job_followers import JobFollowers
from batchmgr.adapters.system_clock import SystemClock
from batchmgr.dispatcher.check_input_blobs import check_input_blobs
from batchmgr.dispatcher.dispatch import CALLBACK_ATTEMPTS, dispatch
from batchmgr.dispatcher.event_file import EventFile
from batchmgr.dispatcher.folder_job_files import FolderJobFiles
from batchmgr.dispatcher.folder_storage import FolderStorage
from batchmgr.dispatcher.folder_task_files import FolderTaskFiles, NoBlobLinks, NoTaskFiles
from batchmgr.dispatcher.local_batch import LocalBatch
from batchmgr.dispatcher.local_node import LocalNode
from batchmgr.dispatcher.memory_event_log import MemoryTimelines
from batchmgr.dispatcher.memory_failures import MemoryFailures
from batchmgr.dispatcher.memory_job_list import MemoryJobList
from batchmgr.dispatcher.memory_ports import (
    MemoryDeliveries,
    MemoryFinalizeSignal,
    MemoryJobStore,
    MemoryLine,
    MemoryUploads,
    UnlimitedThreads,
)
from batchmgr.dispatcher.memory_queues import MemoryDeadLetters, MemoryJobQueue, MemoryPoisonQueues
from batchmgr.dispatcher.memory_retention import MemoryEndedJobs, NoOldMessages
from batchmgr.dispatcher.memory_webhooks import MemoryWebhookStatuses
from batchmgr.dispatcher.run_directory import RunDirectory
from batchmgr.dispatcher.single_workload_registry import SingleWorkloadRegistry
from batchmgr.dispatcher.terminal_output import TerminalOutput
from batchmgr.model.callback_rules import CallbackRules, parse_callback_uri
from batchmgr.model.job_record import JobRecord
from batchmgr.model.network_addresses import PRIVATE
from batchmgr.plan.job_plan import JobPlan
from batchmgr.ports import Clock, Ports
from batchmgr.settings import Settings
from batchmgr.steps.check_message import check_message
from batchmgr.steps.measure_plan import check_sizes
from batchmgr.steps.plan_job import plan_job
from batchmgr.steps.record_tasks import TaskRecorder
from batchmgr.wire.adf_callback import adf_callback
from batchmgr.wire.job_message import JobMessage
from batchmgr.workload.workload_base import WorkloadBase

POOL_ID = "local"
"""The pool of a job that names none."""


def run_local_job(
    workload: WorkloadBase,
    message: JobMessage,
    directory: RunDirectory,
    inputs: Path,
    terminal: TerminalOutput,
    clock: Clock | None = None,
) -> JobRecord:
    """Run the job of this message in `directory`, and return its record at the end.

    The message must have a job id. `inputs` is the folder of the blobs that exist already. Both paths must be
    absolute, because each task has its own working directory. The job is checked before anything is written.
    Raises InvalidJobError or LocalRunError.
    """
    check_message(message)
    clock, workloads = clock or SystemClock(), SingleWorkloadRegistry(workload)
    storage = FolderStorage(directory.storage, inputs)
    plan = plan_job(
        message.job_id,
        message,
        workloads=workloads,
        default_pool_id=POOL_ID,
        recorder=TaskRecorder(message.job_id),
    )
    check_sizes(storage, plan)
    check_input_blobs(plan, storage)
    with (
        asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner,
        _callback_sender(runner, message) as callbacks,
        directory.prepared(message.job_id, inputs) as is_again,
    ):
        terminal.begin(message.job_id, directory, is_again=is_again)
        node, batch = LocalNode(directory, storage, workload), LocalBatch(clock, directory)
        _print_limits(plan, node, terminal)
        jobs, queue, deliveries = MemoryJobStore(clock), MemoryJobQueue(clock), MemoryDeliveries()
        ports = Ports(
            clock=clock,
            batch=batch,
            jobs=jobs,
            followers=JobFollowers(jobs, clock),
            line=MemoryLine(),
            listing=MemoryJobList(),
            timelines=MemoryTimelines(),
            events=EventFile(directory.events),
            sink=terminal,
            queue=queue,
            finalize=MemoryFinalizeSignal(),
            files=FolderJobFiles(directory.storage),
            node_files=FolderTaskFiles(directory),
            kept_files=NoTaskFiles(),
            links=NoBlobLinks(),
            failures=MemoryFailures(),
            storage=storage,
            callbacks=callbacks,
            deliveries=deliveries,
            webhooks=MemoryWebhookStatuses(),
            workloads=workloads,
            threads=UnlimitedThreads(),
            uploads=MemoryUploads(),
            poison=MemoryPoisonQueues(queue),
            dead_letters=MemoryDeadLetters(),
            ended=MemoryEndedJobs(jobs),
            old_messages=NoOldMessages(),
            default_pool_id=POOL_ID,
            callback_attempts=CALLBACK_ATTEMPTS,
        )
        run_task = partial(node.run, plan)
        record = dispatch(runner, ports, batch, deliveries, message, plan, run_task, terminal.note)
        body = msgspec.json.format(msgspec.json.encode(adf_callback(record)))
        directory.callback.write_bytes(body + b"\n")
    terminal.end(record, directory)
    return record


@contextmanager
def _callback_sender(runner: asyncio.Runner, message: JobMessage) -> Iterator[HttpCallbackSender]:
    """Yield a sender that may call the hosts that the message names, and no other.

    The user who names a host allows it. Raises InvalidJobError or SettingsError.
    """

    async def opened() -> aiohttp.ClientSession:
        return aiohttp.ClientSession()

    key = Settings.from_environment(os.environ).callback_key
    session = runner.run(opened())
    try:
        uris = [uri for uri in (message.call_back_uri, *(one.uri for one in message.webhooks)) if uri]
        named = [parse_callback_uri(uri) for uri in uris]
        rules = CallbackRules(
            hosts=[uri.host for uri in named],
            ports=[uri.port for uri in named],
            networks=PRIVATE,
            allow_loopback=True,
        )
        check_message(message, rules.check)
        yield HttpCallbackSender(session, rules=rules, key=key)
    finally:
        runner.run(session.close())


def _print_limits(plan: JobPlan, node: LocalNode, terminal: TerminalOutput) -> None:
    """Print which parts of the plan have no effect in a local run."""
    tasks = tuple(plan.all_tasks)
    if any(task.max_wall_clock_time is not None and node.runs_in_process(task) for task in tasks):
        terminal.note("Time limits do not apply to the workload's own tasks in a local run.")
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
        terminal.note(f"Not used in a local run, which has no nodes: {', '.join(given)}.")
