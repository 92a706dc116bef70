"""Runs a job from acceptance to callback. Calls the use cases in the order in which Azure's triggers do."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from batchmgr.dispatcher.memory_batch import MemoryBatch
from batchmgr.dispatcher.memory_job import TaskExit
from batchmgr.dispatcher.memory_ports import MemoryDeliveries
from batchmgr.errors import IllegalTransitionError, JobNotFoundError
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_record_parts import CallbackState, CallbackStatus
from batchmgr.model.webhook import WebhookStatus
from batchmgr.plan.job_plan import JobPlan, TaskPlan
from batchmgr.ports import Ports
from batchmgr.steps.webhook_statuses import dead_webhooks, statuses_of
from batchmgr.usecases.accept import accept
from batchmgr.usecases.cancel import cancel
from batchmgr.usecases.deliver import resume_delivery
from batchmgr.usecases.finalize import finalize
from batchmgr.usecases.poll_job import poll_job
from batchmgr.usecases.submit import submit
from batchmgr.wire.job_message import JobMessage

CALLBACK_ATTEMPTS = 3
"""How often the callback is tried, and each batch of a webhook. In Azure these are ten times, over hours."""


def dispatch(
    runner: asyncio.Runner,
    ports: Ports,
    batch: MemoryBatch,
    deliveries: MemoryDeliveries,
    message: JobMessage,
    plan: JobPlan,
    run_task: Callable[[TaskPlan], TaskExit],
    note: Callable[[str], None],
) -> JobRecord:
    """Run the job of this message to its end, and return its record. The message must have a job id.

    `plan` is its checked plan.

    The use cases run on the runner's event loop. Tasks run between them, while no event loop is running, so
    that a task may start one of its own. Ctrl-C cancels the job. `note` gets messages that are not events.
    """
    job_id = message.job_id
    try:
        runner.run(_accept_and_submit(ports, job_id, message, plan))
        while (task := _next_task(runner, ports, batch, job_id)) is not None:
            runner.run(deliveries.finish())
            if batch.record_exit(job_id, task.id, run_task(task)):
                # Poll before the retry starts. After that, the counts would be as before, and a poll would
                # miss it.
                runner.run(poll_job(ports, job_id))
                runner.run(deliveries.finish())
        if batch.jobs and runner.run(batch.get_job(job_id)).state == "disabled":
            note("A task's exit conditions have disabled the job. A local run can't enable it again.")
            runner.run(_cancel(ports, job_id))
        runner.run(finalize(ports, job_id))
    except KeyboardInterrupt:
        runner.run(_cancel(ports, job_id))
    try:
        runner.run(_call_back(ports, deliveries, job_id, note))
    except KeyboardInterrupt:
        note("Callback and webhooks are not tried again.")
    return runner.run(ports.jobs.load(job_id)).value


def _next_task(runner: asyncio.Runner, ports: Ports, batch: MemoryBatch, job_id: str) -> TaskPlan | None:
    """Return the next task, after a poll that reports its start and the end of the task before it.

    If no task may start, the poll can add tasks or release the FinalizeTask. So ask once more after it.
    """
    task = batch.start_next_task(job_id)
    runner.run(_poll(ports, job_id))
    return task or batch.start_next_task(job_id)


async def _poll(ports: Ports, job_id: str) -> None:
    await poll_job(ports, job_id)
    await submit(ports, job_id)  # if its job manager task has planned the job by now


async def _accept_and_submit(ports: Ports, job_id: str, message: JobMessage, plan: JobPlan) -> None:
    await accept(ports, job_id, message, plan)
    await submit(ports, job_id)


async def _cancel(ports: Ports, job_id: str) -> None:
    """Cancel the job, unless it has ended already. Raise KeyboardInterrupt if it was never accepted."""
    try:
        await cancel(ports, job_id)
    except IllegalTransitionError:
        return
    except JobNotFoundError:
        raise KeyboardInterrupt from None
    await finalize(ports, job_id)


async def _call_back(
    ports: Ports, deliveries: MemoryDeliveries, job_id: str, note: Callable[[str], None]
) -> None:
    """Deliver the callback and the last events, which were started, until they are settled."""
    await deliveries.finish()
    while (waiting := await _waiting(ports, job_id)) is not None:
        pause = waiting.next_attempt_at - ports.clock.now()
        note(f"{waiting.error}; the {waiting.name} is tried again in {pause.total_seconds():.0f} s.")
        await ports.clock.sleep(pause)
        await resume_delivery(ports, job_id)
        await deliveries.finish()
    record = (await ports.jobs.load(job_id)).value
    for number, status in dead_webhooks(await statuses_of(ports, record)).items():
        receiver = record.webhooks[number].receiver
        note(f"The webhook to {receiver} was not told of all events: {status.last_error}")


@dataclass(frozen=True)
class _Waiting:
    """A callback or webhook that is tried again, and why."""

    next_attempt_at: datetime
    name: str
    error: str


async def _waiting(ports: Ports, job_id: str) -> _Waiting | None:
    """Return what is tried again next, if anything is."""
    record = (await ports.jobs.load(job_id)).value
    webhooks = (await statuses_of(ports, record)).values()
    found: list[tuple[str, CallbackStatus | WebhookStatus]] = [("webhook", one) for one in webhooks]
    if record.callback is not None:
        found.append(("callback", record.callback))
    waiting = [
        _Waiting(one.next_attempt_at, name, one.last_error)
        for name, one in found
        if one.state is CallbackState.PENDING and one.next_attempt_at is not None
    ]
    return min(waiting, key=lambda one: one.next_attempt_at, default=None)
