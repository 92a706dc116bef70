"""Runs one storm: starts the stack, sends the jobs, makes the troubles, waits for the end, and checks."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from azure.batch.aio import BatchClient
from azure.core.exceptions import AzureError, ResourceExistsError
from azure.storage.blob.aio import BlobServiceClient
from azure.storage.queue.aio import QueueServiceClient

from batchmgr.devstack.project_paths import SAMPLE_GENOME
from tests.storm.callback_receiver import CallbackReceiver, receiving
from tests.storm.checks import failures, jobs, seconds_to_callback
from tests.storm.evidence import Evidence, active_jobs, collect, kept, take_progress
from tests.storm.host_logs import function_errors
from tests.storm.job_kinds import GENOME, Json
from tests.storm.job_sender import JobSender
from tests.storm.storm_plan import StormPlan
from tests.storm.storm_stack import StormStack, running_storm_stack
from tests.storm.trouble_maker import TroubleMaker

REPORT_S = 15
_LOOK_S = 0.5
_EXPECTED_ENDS = ("with exit code 0", "at its start")
"""How a Functions host ends by itself when storage is away, as the real one does."""

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class StormResult:
    """What a storm has shown. There are no `failures` if every check holds."""

    failures: list[str]
    figures: list[str]


@dataclass(frozen=True, kw_only=True)
class _Storm:
    plan: StormPlan
    stack: StormStack
    sender: JobSender
    maker: TroubleMaker
    receiver: CallbackReceiver
    blobs: BlobServiceClient
    queues: QueueServiceClient
    batch: BatchClient
    http: aiohttp.ClientSession
    progress: list[Json]


async def run_storm(plan: StormPlan, directory: Path, *, patience: float, say: Say) -> StormResult:
    """Run a storm with its data below `directory`. After it, wait up to `patience` seconds for the jobs.

    Raise StackError if the stack does not start, or a part of it ends that should not.
    """
    say("starting the stack")
    async with _opened(plan, directory) as storm:
        async with asyncio.TaskGroup() as group:
            supervising = group.create_task(storm.stack.supervise())
            watching = group.create_task(storm.sender.watch())
            reading = group.create_task(_read_progress(storm))
            began = time.monotonic()
            say(f"the storm begins, and lasts for {plan.seconds:.0f} s")
            sending = group.create_task(storm.sender.send_all(plan.jobs))
            await storm.maker.make_all(plan.troubles)
            say(f"the troubles are over after {time.monotonic() - began:.0f} s")
            await _wait_for_the_end(storm, sending, patience, say)
            sending.cancel()
            watching.cancel()
            reading.cancel()
            seconds = time.monotonic() - began
            evidence = await _collect(storm)
            supervising.cancel()
        return StormResult(failures=failures(evidence), figures=list(_figures(storm, evidence, seconds)))


@asynccontextmanager
async def _opened(plan: StormPlan, directory: Path) -> AsyncIterator[_Storm]:
    async with AsyncExitStack() as resources:
        options = plan.options
        stack = await resources.enter_async_context(
            running_storm_stack(directory, hosts=options.hosts, seed=options.seed)
        )
        receiver = await resources.enter_async_context(receiving())
        http = await resources.enter_async_context(aiohttp.ClientSession())
        text = stack.connection_string
        blobs = await resources.enter_async_context(BlobServiceClient.from_connection_string(text))
        queues = await resources.enter_async_context(QueueServiceClient.from_connection_string(text))
        batch = await resources.enter_async_context(BatchClient(stack.batch_endpoint, stack.batch_key))
        await _upload_genome(blobs)
        ledger = directory / "ledger"
        ledger.mkdir()
        sender = JobSender(address=stack.address, http=http, queues=queues, receiver=receiver, ledger=ledger)
        yield _Storm(
            plan=plan,
            stack=stack,
            sender=sender,
            maker=TroubleMaker(stack=stack, sender=sender, blobs=blobs, queues=queues),
            receiver=receiver,
            blobs=blobs,
            queues=queues,
            batch=batch,
            http=http,
            progress=[],
        )


async def _upload_genome(blobs: BlobServiceClient) -> None:
    container, _, name = GENOME.partition("/")
    with suppress(ResourceExistsError):
        await blobs.create_container(container)
    await blobs.get_blob_client(container, name).upload_blob(SAMPLE_GENOME.read_bytes())


async def _read_progress(storm: _Storm) -> None:
    """Read the progress queue as a consumer would, until cancelled."""
    while True:
        with suppress(AzureError):
            storm.progress.extend(await take_progress(storm.queues))
        await asyncio.sleep(_LOOK_S)


async def _wait_for_the_end(storm: _Storm, sending: "asyncio.Task[None]", patience: float, say: Say) -> None:
    """Wait until nothing is left to do, or until `patience` seconds have passed."""
    ends_at = time.monotonic() + patience
    says_at = time.monotonic() + REPORT_S
    while time.monotonic() < ends_at:
        missing = await _what_is_missing(storm, sending)
        if not missing:
            say("every job has ended, and nothing is left to do")
            return
        if time.monotonic() > says_at:
            say(f"waiting for {missing}")
            says_at += REPORT_S
        await asyncio.sleep(_LOOK_S)
    say(f"after {patience:.0f} s there is still {await _what_is_missing(storm, sending)}")


async def _what_is_missing(storm: _Storm, sending: "asyncio.Task[None]") -> str:
    """Return what has to happen before the checks can hold, in words."""
    if sending.done():
        sending.result()
    wanted = [job for job in storm.sender.sent.values() if job.plan.has_record]
    unknown = [job.plan.job_id for job in wanted if job.known_at is None]
    going_on = [job.plan.job_id for job in wanted if job.known_at and job.first_end is None]
    silent = [
        job.plan.job_id
        for job in wanted
        if job.first_end and job.plan.receiver is not None and not storm.receiver.accepted(job.plan.job_id)
    ]
    poison = [job for job in storm.sender.sent.values() if job.plan.is_poison]
    due = sum(job.plan.copies for job in poison) - await _poisoned(storm)
    parts = {
        "jobs that are not known yet": unknown,
        "jobs that have not ended": going_on,
        "callbacks": silent,
        "active entries": await active_jobs(storm.blobs),
        "Batch jobs": [str(job.id) async for job in storm.batch.list_jobs() if _is_active(job)],
        "deletions": [] if unknown or going_on or silent else await _kept(storm),
        "answers": [] if sending.done() else ["of the callers"],
        "poison messages": [str(due)] if due > 0 else [],
        "hosts": [] if storm.stack.hosts_are_up else ["that start"],
    }
    return "; ".join(f"{what}: {', '.join(names[:8])}" for what, names in parts.items() if names)


async def _kept(storm: _Storm) -> list[str]:
    """Return the jobs of which something is left that should be gone."""
    batch_jobs = [str(job.id) async for job in storm.batch.list_jobs()]
    return list(await kept(storm.sender.sent, storm.blobs, batch_jobs))


def _is_active(job: object) -> bool:
    state = getattr(job, "state", "")
    return str(getattr(state, "value", state)) != "completed"


async def _poisoned(storm: _Storm) -> int:
    client = storm.queues.get_queue_client("batchmgr-job-requests-poison")
    try:
        return int((await client.get_queue_properties()).approximate_message_count or 0)
    except AzureError:
        return 0


async def _collect(storm: _Storm) -> Evidence:
    problems = list(storm.sender.problems)
    for host in storm.stack.hosts:
        bad = [end for end in host.ends if not end.startswith(_EXPECTED_ENDS)]
        problems += [f"host {host.number} ended {end}" for end in bad]
    problems += _unexpected_errors(storm.stack.log_directory)
    storm.progress.extend(await take_progress(storm.queues))
    return await collect(
        storm.sender.sent,
        storm.receiver.calls,
        address=storm.stack.address,
        http=storm.http,
        blobs=storm.blobs,
        queues=storm.queues,
        batch=storm.batch,
        ledger=storm.sender.ledger,
        progress=storm.progress,
        problems=problems,
        batch_key=storm.stack.batch_key.named_key.key,
        logs=storm.stack.log_directory,
    )


def _figures(storm: _Storm, evidence: Evidence, seconds: float) -> Iterator[str]:
    states = Counter(outcome["state"] for outcome in evidence.outcomes.values())
    yield f"jobs: {_counted(states)}; messages that are no job: {len(evidence.sent) - sum(states.values())}"
    yield f"seconds: {seconds:.0f}"
    yield f"troubles: {_counted(storm.maker.counts)}"
    struck = sum(proxy.struck for proxy in storm.stack.storage)
    yield (
        f"requests that were struck: {sum(storm.maker.batch_faults.values())} to Azure Batch "
        f"({_counted(storm.maker.batch_faults)}), {struck} to storage, {storm.stack.front.struck} of callers"
    )
    ends = Counter(end for host in storm.stack.hosts for end in host.ends)
    yield f"hosts that ended by themselves: {_counted(ends)}"
    yield f"starts of Event Grid: {storm.stack.topic_starts}"
    yield f"answers to callers: {_counted(storm.sender.statuses)}"
    calls = [call for calls in evidence.callbacks.values() for call in calls]
    accepted = [call for call in calls if call.is_accepted]
    waits = seconds_to_callback(evidence)
    called = {call.job_id for call in accepted}
    yield f"callbacks: {len(calls)} attempts, {len(accepted)} accepted, for {len(called)} jobs"
    batches = [call for calls in evidence.webhooks.values() for call in calls]
    taken = sum(call.is_accepted for call in batches)
    yield f"webhooks: {len(batches)} batches, {taken} accepted, for {len(evidence.webhooks)} jobs"
    yield f"the slowest callback: {_slowest(waits)} after the end of its job"
    known = {
        job.plan.job_id: job.known_at - job.sent_at - job.plan.delay for job in jobs(evidence) if job.known_at
    }
    fleeting = sum(job.plan.is_fleeting for job in evidence.sent.values())
    yield f"jobs of which nothing was to be kept: {fleeting}; something is left of {len(evidence.kept)}"
    yield f"the slowest job to be known: {_slowest(known)} after it was sent"
    logged = sum(len(events) for events in evidence.events.values())
    sent = len({event["id"] for event in evidence.progress})
    yield f"events: {logged} in the logs, {sent} of them read from the progress queue"
    errors = Counter(error.error.partition(":")[0] for error in function_errors(storm.stack.log_directory))
    yield f"functions that failed, by error: {_counted(errors)}"


def _unexpected_errors(logs: Path) -> Iterator[str]:
    found = Counter(error for error in function_errors(logs) if not error.is_expected)
    for error, times in found.items():
        yield f"the function {error.function} failed {times} times: {error.error[:500]}"


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{times} {name}" for name, times in counts.most_common()) or "none"


def _slowest(seconds: Mapping[str, float]) -> str:
    if not seconds:
        return "never"
    name = max(seconds, key=lambda job_id: seconds[job_id])
    return f"{seconds[name]:.1f} s ({name})"
