"""What each call does, step by step: pages, long polls, and what is sent again."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import TypeVar

import msgspec

from batchmgr.client.answers import (
    FINAL_STATES,
    Accepted,
    EventPage,
    Job,
    JobPage,
    Outcome,
    Upload,
)
from batchmgr.client.calls import LONG_POLL_S, job_path, long_poll, next_page, post
from batchmgr.client.exchange import Flow, Item, Pause, Reply, Request, decoded, refusal, shown
from batchmgr.client.retries import RetryPolicy, send
from batchmgr.errors import NotFoundError

MOST_BYTES = 8 * 1024 * 1024
"""A job message that is larger is uploaded."""

FOLLOWER_PATIENCE_S = 600.0
"""How long whoever follows a job waits for an app that restarts."""

T = TypeVar("T")


def one(request: Request, kind: type[T], policy: RetryPolicy) -> Flow[T]:
    """Send a request, and return its answer."""
    return decoded((yield from send(request, policy)), kind)


def pages(request: Request, kind: type[msgspec.Struct], field: str, policy: RetryPolicy) -> Flow[None]:
    """Yield everything in `field` of each page, from the first page to the last."""
    step = request
    while True:
        page = yield from one(step, kind, policy)
        for value in getattr(page, field):
            yield Item(value)
        if not (link := getattr(page, "next_link", "")):
            return
        step = next_page(link)


def submit(message: Mapping[str, object] | bytes, key: str, policy: RetryPolicy) -> Flow[Accepted]:
    """Send a job message; upload it before if it is large.

    The key is made once: whoever sends the message again sends the same job.
    """
    body = message if isinstance(message, bytes) else msgspec.json.encode(message)
    headers = {"idempotency-key": key or uuid.uuid4().hex}
    if len(body) <= MOST_BYTES:
        reply = yield from send(post("/jobs", body, headers), policy)
        if reply.status != 413:
            return decoded(reply, Accepted)
    granted = yield from one(post("/uploads"), Upload, policy)
    yield from _put(granted, body, policy)
    return (yield from one(post("/jobs", granted.message, headers), Accepted, policy))


def upload(file: Path, container: str, path: str, policy: RetryPolicy) -> Flow[str]:
    """Upload a file for tasks to read. Return `container/path`, as job messages name it."""
    granted = yield from one(post("/uploads", {"container": container, "path": path}), Upload, policy)
    yield from _put(granted, file, policy)
    return f"{container}/{path}"


def _put(granted: Upload, body: bytes | Path, policy: RetryPolicy) -> Flow[None]:
    step = Request(
        method=granted.method,
        path=granted.upload_uri,
        headers=granted.headers,
        body=body,
        timeout_s=3600.0,
    )
    reply = yield from send(step, policy)
    if reply.status >= 300:
        raise refusal(reply)


def watch(job_id: str, timeout_s: float | None, policy: RetryPolicy) -> Flow[Job]:
    """Yield the job each time that it has changed, the last time when it has ended. Return it.

    Raise TimeoutError if it has not ended within `timeout_s`.
    """
    limit = _Limit(job_id, timeout_s)
    seen: Job | None = None
    etag, pause = "", Pauses()
    while True:
        began = monotonic()
        step = long_poll(job_path(job_id), limit.left if etag else 0, {}, etag)
        reply = yield from send(patient(step) if seen else step, policy)
        if reply.status != 304:
            job = decoded(reply, Job)
            etag = reply.headers.get("etag", "")
            if job != seen:
                seen = job
                yield Item(job)
                if job.is_final:
                    return job
                pause = Pauses()
                if etag:
                    continue
        limit.check()
        yield from pause.after(began, limit.ends_at)


def wait(job_id: str, timeout_s: float | None, policy: RetryPolicy) -> Flow[Outcome]:
    """Return how the job has ended. Raise TimeoutError if it has not within `timeout_s`."""
    limit = _Limit(job_id, timeout_s)
    pause, known = Pauses(), False
    while True:
        began = monotonic()
        step = long_poll(job_path(job_id, "result"), limit.left, {})
        reply = yield from send(patient(step) if known else step, policy)
        known = True
        if reply.status != 202:
            return decoded(reply, Outcome)
        limit.check()
        yield from pause.after(began, limit.ends_at)


def wait_and_show(
    job_id: str, timeout_s: float | None, show: Callable[[Job], None], policy: RetryPolicy
) -> Flow[Outcome]:
    """Return how the job has ended, and show it each time that it has changed until then."""
    yield from shown(watch(job_id, timeout_s, policy), show)
    return (yield from wait(job_id, timeout_s, policy))


def events(job_id: str, after: int, follow: bool, policy: RetryPolicy) -> Flow[None]:
    """Yield the events of a job above `after`, each once; with `follow`, until the job has ended."""
    ids: set[str] = set()
    pause, ended = Pauses(), False
    while True:
        began = monotonic()
        waits = LONG_POLL_S if follow and not ended else 0
        step = long_poll(job_path(job_id, "events"), waits, {"after": after})
        page = yield from one(patient(step) if ids else step, EventPage, policy)
        for event in page.events:
            if event.id not in ids:
                ids.add(event.id)
                yield Item(event)
        after, was_ended = page.last, ended
        ended = ended or page.state in FINAL_STATES
        if page.events:
            pause = Pauses()
            continue
        if not follow or was_ended or page.state in FINAL_STATES:
            return
        if not page.state:  # an older app: one more look after the end, since its last event comes late
            ended = (yield from one(Request(path=job_path(job_id)), Job, policy)).is_final
        yield from pause.after(began)


def purge(job_id: str, policy: RetryPolicy) -> Flow[None]:
    """Delete a job, and wait until all of it is gone."""
    step = Request(method="DELETE", path=job_path(job_id))
    asked = 0
    while True:
        reply = yield from send(step, policy)
        asked += reply.tries
        if reply.status == 404 and asked > 1:
            return
        if reply.status >= 300:
            raise refusal(reply)
        if reply.status != 202:
            return
        yield Pause(min(float(reply.headers.get("retry-after", "") or 5), 10.0))


def redrive(job_id: str, policy: RetryPolicy) -> Flow[Accepted]:
    """Have what was given up sent again. If the answer was lost, one that says so will do."""
    reply: Reply = yield from send(post(job_path(job_id, "redrive")), policy)
    if reply.status == 409 and reply.tries > 1:
        return (yield from one(Request(path=job_path(job_id)), Accepted, policy))
    return decoded(reply, Accepted)


def newest(policy: RetryPolicy) -> Flow[Job]:
    """Return the newest job."""
    page = yield from one(Request(path="/jobs", query={"limit": 1}), JobPage, policy)
    while not page.jobs and page.next_link:  # a page may be empty, and not be the last
        page = yield from one(next_page(page.next_link), JobPage, policy)
    if not page.jobs:
        raise NotFoundError("the app has no job", status=404, code="JobNotFound")
    return page.jobs[0]


def patient(step: Request) -> Request:
    """Return a request of somebody who follows a job: it is sent again through a restart of the app."""
    return replace(step, patience_s=FOLLOWER_PATIENCE_S)


class _Limit:
    """How long a caller waits for the end of a job."""

    def __init__(self, job_id: str, timeout_s: float | None) -> None:
        self._job_id, self._timeout_s = job_id, timeout_s
        self.ends_at = None if timeout_s is None else monotonic() + timeout_s

    @property
    def left(self) -> float:
        """Return how long the next poll may wait."""
        return LONG_POLL_S if self.ends_at is None else self.ends_at - monotonic()

    def check(self) -> None:
        """Raise TimeoutError when the time is up."""
        if self.ends_at is not None and monotonic() >= self.ends_at:
            raise TimeoutError(
                f"job {self._job_id} has not ended after {self._timeout_s:g} seconds; it goes on"
            )


class Pauses:
    """The pauses between polls of an app that does not wait: they grow from a half to five seconds."""

    def __init__(self) -> None:
        self._next = 0.5

    def after(self, began: float, ends_at: float | None = None) -> Flow[None]:
        """Wait, unless the app has waited itself since `began`."""
        if monotonic() - began < self._next:
            yield from self.always(ends_at)

    def always(self, ends_at: float | None = None) -> Flow[None]:
        """Wait, each time a little longer."""
        pause, self._next = self._next, min(self._next * 1.5, 5.0)
        if ends_at is not None:
            pause = max(0.0, min(pause, ends_at - monotonic()))
        yield Pause(pause)
