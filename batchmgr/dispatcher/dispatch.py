"""Dispatch: the life of a job from acceptance to callback, driven as the triggers drive it in Azure."""

import asyncio
from collections.abc import Callable

from batchmgr.dispatcher.memory_batch import Ending, MemoryBatch
from batchmgr.errors import IllegalTransitionError, JobNotFoundError
from batchmgr.model.job_record import CallbackState, JobRecord
from batchmgr.plan.job_plan import TaskPlan
from batchmgr.ports import Ports
from batchmgr.usecases.accept import accept, check
from batchmgr.usecases.cancel import cancel
from batchmgr.usecases.deliver import deliver
from batchmgr.usecases.finalize import finalize
from batchmgr.usecases.poll import poll_job
from batchmgr.usecases.submit import submit
from batchmgr.wire.job_message import JobMessage

CALLBACK_ATTEMPTS = 3
"""How often the callback is tried: in Azure it is ten times, over hours."""


def dispatch(
    runner: asyncio.Runner,
    ports: Ports,
    batch: MemoryBatch,
    message: JobMessage,
    run_task: Callable[[TaskPlan], Ending],
    note: Callable[[str], None],
) -> JobRecord:
    """Run the job of this message, which has an id, to its end; its record then.

    The use cases run on the runner's loop, and between them, with no loop running, the tasks: they may have
    loops of their own. Ctrl-C cancels the job. `note` is told what is no event. Raises InvalidJobError if the
    job can't be accepted.
    """
    job_id = message.job_id
    try:
        runner.run(_take(ports, job_id, message))
        while (task := _next(runner, ports, batch, job_id)) is not None:
            if batch.end(job_id, task.id, run_task(task)):
                # Else the task would run again as if nothing had happened: no count would have changed.
                runner.run(poll_job(ports, job_id))
        if batch.jobs and runner.run(batch.get_job(job_id)).state == "disabled":
            note("A task's exit conditions have stopped the job; here, nobody can start it again.")
            runner.run(_cancel(ports, job_id))
        runner.run(finalize(ports, job_id))
    except KeyboardInterrupt:
        runner.run(_cancel(ports, job_id))
    try:
        runner.run(_call_back(ports, job_id, note))
    except KeyboardInterrupt:
        note("No more attempts at the callback.")
    return runner.run(ports.jobs.load(job_id)).value


def _next(runner: asyncio.Runner, ports: Ports, batch: MemoryBatch, job_id: str) -> TaskPlan | None:
    """The next task. It is told that it runs, and how the one before it ended.

    Where there is none, the poller has the last word: it may bring more tasks, or release the FinalizeTask.
    """
    task = batch.start_next(job_id)
    runner.run(_look(ports, job_id))
    return task or batch.start_next(job_id)


async def _look(ports: Ports, job_id: str) -> None:
    await poll_job(ports, job_id)
    await submit(ports, job_id)  # if its job manager task has planned it by now


async def _take(ports: Ports, job_id: str, message: JobMessage) -> None:
    await check(ports, job_id, message)
    await accept(ports, job_id, message)
    await submit(ports, job_id)


async def _cancel(ports: Ports, job_id: str) -> None:
    """End the job as cancelled, unless it has come to its end already, or never began."""
    try:
        await cancel(ports, job_id)
    except IllegalTransitionError:
        return
    except JobNotFoundError:
        raise KeyboardInterrupt from None
    await finalize(ports, job_id)


async def _call_back(ports: Ports, job_id: str, note: Callable[[str], None]) -> None:
    """Try the callback again, if the first attempt, made when the job ended, was in vain."""
    for _ in range(CALLBACK_ATTEMPTS - 1):
        status = (await ports.jobs.load(job_id)).value.callback
        if status is None or status.state is not CallbackState.PENDING or status.next_attempt_at is None:
            return
        pause = status.next_attempt_at - ports.clock.now()
        note(f"{status.last_error}; the callback is tried again in {pause.total_seconds():.0f} s.")
        await ports.clock.sleep(pause)
        await deliver(ports, job_id)
