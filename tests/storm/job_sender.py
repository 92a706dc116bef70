"""Sends the jobs of a storm, as patient callers do: each is sent again until there is an answer."""

import asyncio
import base64
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from azure.storage.queue.aio import QueueServiceClient

from batchmgr.adapters.queue_names import JOB_REQUESTS
from tests.storm.callback_receiver import WEBHOOK_OF, CallbackReceiver
from tests.storm.job_kinds import Fate, Json, PlannedJob, complete_message
from tests.storm.secrets import FUNCTION_KEY

_ANSWER_TIMEOUT = aiohttp.ClientTimeout(total=20)
_RETRY_S = 0.5
_LOOK_S = 0.5
_TRY_AGAIN = {0, 500, 502, 503}
"""No answer, or one that says nothing about the job. A host that ends answers 500 for what it still runs; if
it was an error of the app, the log of the host tells."""

_FINAL = {"succeeded", "failed", "partial", "cancelled", "timed_out", "rejected"}


@dataclass
class SentJob:
    """What the storm knows of a job that it has sent."""

    plan: PlannedJob
    text: str = ""
    """What was sent: on the queue, perhaps in base64."""
    state: str = ""
    """The state of the job when it was last looked at."""
    sent_at: float = 0
    known_at: float | None = None
    """When batchmgr first said that it knows the job."""
    cancel_status: int | None = None
    first_end: Json | None = None
    """The result as it was first seen."""


@dataclass
class JobSender:
    """A caller of the app. `problems` are answers that no caller should get."""

    address: str
    http: aiohttp.ClientSession
    queues: QueueServiceClient
    receiver: CallbackReceiver
    ledger: Path
    sent: dict[str, SentJob] = field(default_factory=dict)
    statuses: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    @property
    def has_jobs_on_the_way(self) -> bool:
        """Whether a job was sent that is not known yet, or is not submitted."""
        return any(
            job.sent_at and job.plan.has_record and job.state in {"", "queued", "submitting"}
            for job in self.sent.values()
        )

    async def send_all(self, jobs: Sequence[PlannedJob]) -> None:
        """Send all jobs at their times, and cancel some. Return when each is known, or has its answer."""
        self.sent = {job.job_id: SentJob(plan=job) for job in jobs}
        began = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as group:
            for job in self.sent.values():
                group.create_task(self._send_at(job, began + job.plan.at))

    async def _send_at(self, job: SentJob, moment: float) -> None:
        await asyncio.sleep(moment - asyncio.get_running_loop().time())
        plan = job.plan
        if plan.original is not None:
            await self._wait_until_known(self.sent[plan.original])
        (self.ledger / plan.job_id).mkdir()
        message = complete_message(
            plan,
            ledger=str(self.ledger / plan.job_id),
            callback_uri=self.receiver.uri(plan.job_id, plan.receiver or ()),
            webhook_uri=self.receiver.uri(f"{WEBHOOK_OF}{plan.job_id}", plan.webhook or ()),
        )
        job.text = plan.text or json.dumps(message)
        if plan.by == "queue" and plan.text is None and not plan.is_plain:
            job.text = base64.b64encode(job.text.encode()).decode()
        job.sent_at = time.time()
        for _ in range(plan.copies):
            await (self._post(job) if plan.by == "http" else self._enqueue(job))
        if plan.cancel_after is not None:
            await asyncio.sleep(plan.cancel_after)
            await self._cancel(job)
        if plan.has_record:
            await self._wait_until_known(job)

    async def _enqueue(self, job: SentJob) -> None:
        queue = self.queues.get_queue_client(JOB_REQUESTS)
        await queue.send_message(job.text, visibility_timeout=job.plan.delay, time_to_live=-1)

    async def _post(self, job: SentJob) -> None:
        expected = {Fate.INVALID: 400, Fate.CONFLICT: 409}.get(job.plan.fate, 202)
        while True:
            status = await self._call("POST", "/jobs", job.text.encode())
            if status == expected:
                if status == 202:
                    job.known_at = job.known_at or time.time()
                return
            if status not in _TRY_AGAIN:
                self.problems.append(
                    f"POST of {job.plan.job_id} was answered with {status} in place of {expected}"
                )
                return
            await asyncio.sleep(_RETRY_S)

    async def _cancel(self, job: SentJob) -> None:
        while True:
            status = await self._call("POST", f"/jobs/{job.plan.job_id}/cancel")
            if status in {202, 409}:
                job.cancel_status = status
                return
            is_early = status == 404 and job.known_at is None
            if status not in _TRY_AGAIN and not is_early:
                self.problems.append(f"POST /jobs/{job.plan.job_id}/cancel was answered with {status}")
                return
            await asyncio.sleep(_RETRY_S)

    async def _wait_until_known(self, job: SentJob) -> None:
        while job.known_at is None:
            if await self._call("GET", f"/jobs/{job.plan.job_id}") == 200:
                job.known_at = time.time()
            await asyncio.sleep(_LOOK_S)

    async def watch(self) -> None:
        """Ask again and again how the known jobs are, until cancelled. Remember how each first ended."""
        while True:
            for job in [job for job in self.sent.values() if job.known_at and job.first_end is None]:
                await self.look_at(job)
                await asyncio.sleep(0.05)
            await asyncio.sleep(_LOOK_S)

    async def look_at(self, job: SentJob) -> None:
        """Ask for the result of a job that batchmgr has accepted."""
        path = f"/jobs/{job.plan.job_id}/result"
        status, text = await self._exchange("GET", path)
        if status in {200, 202}:
            job.state = json.loads(text)["state"]
        if status == 200:
            outcome = json.loads(text)
            job.first_end = outcome
            if outcome["state"] not in _FINAL:
                self.problems.append(f"GET {path} was answered with 200 for a job that is {outcome['state']}")
        elif status not in {202, *_TRY_AGAIN}:
            self.problems.append(f"GET {path} was answered with {status} after the job was accepted")

    async def _call(self, method: str, path: str, body: bytes | None = None) -> int:
        return (await self._exchange(method, path, body))[0]

    async def _exchange(self, method: str, path: str, body: bytes | None = None) -> tuple[int, str]:
        """Return the status and the text of the answer; status 0 if there was none."""
        try:
            async with self.http.request(
                method,
                f"{self.address}/api{path}?code={FUNCTION_KEY}",
                data=body,
                headers={"x-functions-key": FUNCTION_KEY},
                timeout=_ANSWER_TIMEOUT,
            ) as answer:
                text = await answer.text()
                self.statuses[f"{answer.status}"] += 1
                return answer.status, text
        except (aiohttp.ClientError, TimeoutError, OSError):
            self.statuses["no answer"] += 1
            return 0, ""
