"""Makes the troubles of a storm."""

import asyncio
import base64
import json
import os
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

from azure.core.exceptions import AzureError
from azure.storage.blob.aio import BlobServiceClient
from azure.storage.queue.aio import QueueServiceClient

from batchmgr.adapters.queue_names import CALLBACKS, JOB_REQUESTS, PROGRESS
from batchmgr.devstack.child_processes import ChildProcess
from batchmgr.errors import StackError
from batchmgr.plan.file_specifications import FINALIZE_CONTAINER
from fakebatch.errors import FaultRefusedError
from tests.storm.faulty_proxy import FaultyProxy, ProxyFault
from tests.storm.job_kinds import SPOT_POOL
from tests.storm.job_sender import JobSender
from tests.storm.storm_stack import StormStack
from tests.storm.trouble_kinds import Trouble

T = TypeVar("T")

_LOOK_S = 0.1
_SUBMITTED_WITHIN_S = 20
_STOP_S = 30


@dataclass
class TroubleMaker:
    """Makes troubles, counts them, and undoes those that last."""

    stack: StormStack
    sender: JobSender
    blobs: BlobServiceClient
    queues: QueueServiceClient
    counts: Counter[str] = field(default_factory=Counter)
    batch_faults: Counter[str] = field(default_factory=Counter)
    """How many requests the fake Azure Batch refused or cut, by fault."""
    _still: dict[str, asyncio.Lock] = field(default_factory=dict)

    async def make_all(self, troubles: Sequence[Trouble]) -> None:
        """Make all troubles at their times. Return when all are over."""
        began = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as group:
            for trouble in troubles:
                group.create_task(self._make_at(trouble, began + trouble.at))

    async def _make_at(self, trouble: Trouble, moment: float) -> None:
        await asyncio.sleep(moment - asyncio.get_running_loop().time())
        make = self._makers.get(trouble.kind, self._make_batch_fault)
        await make(trouble)
        self.counts[trouble.kind] += 1

    @property
    def _makers(self) -> Mapping[str, Callable[[Trouble], Awaitable[None]]]:
        return {
            "kill_host": self._kill_host,
            "replace_host": self._replace_host,
            "freeze_host": self._freeze_host,
            "stop_azurite": self._stop_azurite,
            "stop_batch": self._stop_batch,
            "storage_fault": self._make_storage_fault,
            "front_fault": self._make_front_fault,
            "preempt": self._preempt,
            "delete_progress_queue": self._delete_progress_queue,
            "repeat_messages": self._repeat_messages,
        }

    async def _kill_host(self, trouble: Trouble) -> None:
        """Kill a host. A new one is started after some seconds."""
        host = self.stack.hosts[trouble.details["host"]]
        if trouble.details.get("when_submitted"):
            await self._wait_until_submitted()
        async with host.lock:
            if host.process is not None:
                await host.process.kill()
                await asyncio.sleep(trouble.seconds)

    async def _replace_host(self, trouble: Trouble) -> None:
        """Ask a host to stop, as a deployment does. A new one is started while the old one ends its work."""
        host = self.stack.hosts[trouble.details["host"]]
        async with host.lock:
            if host.process is None:
                return
            stopping = asyncio.create_task(host.process.stop(grace_s=_STOP_S))
            try:
                await asyncio.sleep(trouble.seconds)
                with suppress(StackError):  # another one is started if this one has ended
                    await self.stack.start_host(host)
            finally:
                await stopping

    async def _wait_until_submitted(self) -> None:
        """Wait until each job that was sent is submitted.

        If a host is killed before, a message comes back only after ten minutes, or a claim lapses.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(_SUBMITTED_WITHIN_S):
                # Other processes submit the jobs, so there is no asyncio event to wait on.
                while self.sender.has_jobs_on_the_way:  # noqa: ASYNC110
                    await asyncio.sleep(_LOOK_S)

    async def _freeze_host(self, trouble: Trouble) -> None:
        host = self.stack.hosts[trouble.details["host"]]
        async with host.lock:
            if host.process is not None:
                await _freeze(host.process, trouble.seconds)

    async def _stop_azurite(self, trouble: Trouble) -> None:
        async with self._alone("azurite"):
            await _freeze(self.stack.azurite, trouble.seconds)

    async def _stop_batch(self, trouble: Trouble) -> None:
        async with self._alone("batch"):
            await _freeze(self.stack.batch, trouble.seconds)

    async def _make_batch_fault(self, trouble: Trouble) -> None:
        details = dict(trouble.details)
        fault = details.pop("fault")
        rule = await self._with_batch(lambda: self.stack.faults.add(fault, **details))
        await asyncio.sleep(trouble.seconds)
        rules = await self._with_batch(self.stack.faults.rules)
        self.batch_faults[fault] += sum(known["struck"] for known in rules if known["id"] == rule)
        await self._with_batch(lambda: self.stack.faults.clear(rule))

    async def _make_storage_fault(self, trouble: Trouble) -> None:
        await _strike(self.stack.storage, trouble)

    async def _make_front_fault(self, trouble: Trouble) -> None:
        await _strike([self.stack.front], trouble)

    async def _preempt(self, trouble: Trouble) -> None:
        with suppress(FaultRefusedError):
            await self._with_batch(lambda: self.stack.faults.preempt(SPOT_POOL, trouble.details["nodes"]))
        await asyncio.sleep(trouble.seconds)
        with suppress(FaultRefusedError):
            await self._with_batch(lambda: self.stack.faults.restore(SPOT_POOL))

    async def _with_batch(self, call: Callable[[], T]) -> T:
        """Call the control API, but not while the fake Azure Batch is stopped."""
        async with self._alone("batch"):
            return await asyncio.to_thread(call)

    def _alone(self, part: str) -> asyncio.Lock:
        return self._still.setdefault(part, asyncio.Lock())

    async def _delete_progress_queue(self, _: Trouble) -> None:
        with suppress(AzureError):
            await self.queues.get_queue_client(PROGRESS).delete_queue()

    async def _repeat_messages(self, trouble: Trouble) -> None:
        """Send batchmgr's own messages again, at once or later, and have blob events raised once more."""
        random = Random(trouble.details["seed"])
        jobs = self.sender.sent.values()
        known = [job for job in jobs if job.known_at is not None and not job.plan.is_fleeting]
        chosen = random.sample(known, min(3, len(known)))
        for job in chosen:
            reference = json.dumps({"storedJobId": job.plan.job_id}).encode()
            text = base64.b64encode(reference).decode()
            for queue in (JOB_REQUESTS, CALLBACKS) if job.first_end else (JOB_REQUESTS,):
                delay = random.choice((0, 0, 2, 5))
                with suppress(AzureError):
                    await self.queues.get_queue_client(queue).send_message(
                        text, visibility_timeout=delay, time_to_live=-1
                    )
        names = [f"{job.plan.job_id}.json" for job in chosen] + [f"unknown-{trouble.details['seed']}.json"]
        for name in names:
            with suppress(AzureError):
                blob = self.blobs.get_blob_client(FINALIZE_CONTAINER, name)
                await blob.upload_blob(b"{}", overwrite=True)


async def _freeze(process: ChildProcess, seconds: float) -> None:
    """Stop a process with all its children, and let it continue."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(seconds)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGCONT)


async def _strike(proxies: Sequence[FaultyProxy], trouble: Trouble) -> None:
    fault = ProxyFault(what=trouble.details["what"], probability=trouble.details["probability"])
    for proxy in proxies:
        proxy.faults.append(fault)
    try:
        await asyncio.sleep(trouble.seconds)
    finally:
        for proxy in proxies:
            proxy.faults.remove(fault)
