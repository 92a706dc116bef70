"""How files come to the caller: logs that still grow, and files in parts, which go on where they stopped."""

from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path

from batchmgr.client.answers import Job, ResultLink, Task
from batchmgr.client.calls import job_path
from batchmgr.client.exchange import Flow, Item, Reply, Request, refusal
from batchmgr.client.flows import Pauses, one, patient
from batchmgr.client.retries import RetryPolicy, send

PART_BYTES = 8 * 1024 * 1024
TAIL_BYTES = 1024 * 1024
"""How much of the end of a log is read to find its last lines."""


@dataclass(frozen=True)
class Progress:
    """How many bytes of a file are here, and how many it has."""

    done: int
    total: int


def log(
    job_id: str, task_id: str, path: str, tail: int | None, follow: bool, policy: RetryPolicy
) -> Flow[None]:
    """Yield the bytes of a file of a task: from its start, or its last lines; then what is added to it.

    With `follow`, a task that has not started is waited for, and the flow ends with the task.
    """
    place = job_path(job_id, "tasks", task_id, f"files/{path}")
    offset, last, pause = 0, tail, Pauses()
    ended = False
    while True:
        span = f"bytes=-{TAIL_BYTES}" if last else f"bytes={offset}-"
        reply = yield from send(patient(Request(path=place, headers={"range": span})), policy)
        if reply.status in (200, 206):
            begin, total = _range_of(reply)
            content = reply.content if last else reply.content[max(0, offset - begin) :]
            offset = begin + len(reply.content)
            if last:
                content, last = _last_lines(content, last), None
            if content:
                yield Item(content)
                pause = Pauses()
            if offset < total:
                continue
        elif reply.status == 416:
            last = None
        elif not follow or reply.status != 404 or (yield from _has_ended(job_id, policy)):
            raise refusal(reply)
        if not follow or ended:
            return
        if reply.status != 404:
            ended = yield from _task_has_ended(job_id, task_id, policy)
        if not ended:
            yield from pause.always()


def _has_ended(job_id: str, policy: RetryPolicy) -> Flow[bool]:
    return (yield from one(Request(path=job_path(job_id)), Job, policy)).is_final


def _task_has_ended(job_id: str, task_id: str, policy: RetryPolicy) -> Flow[bool]:
    task = yield from one(patient(Request(path=job_path(job_id, "tasks", task_id))), Task, policy)
    return task.state == "completed"


def _last_lines(content: bytes, count: int) -> bytes:
    return b"".join(content.splitlines(keepends=True)[-count:])


def download_result(job_id: str, name: str, target: Path, policy: RetryPolicy) -> Flow[None]:
    """Download a result, in parts, from where it is kept. Yield how far it has come."""

    def link() -> Flow[Request]:
        found = yield from one(
            Request(path=job_path(job_id, "results", name), query={"redirect": "false"}), ResultLink, policy
        )
        return Request(path=found.uri)

    yield from _download(link, target, policy)


def download_task_file(job_id: str, task_id: str, path: str, target: Path, policy: RetryPolicy) -> Flow[None]:
    """Download a file of a task, in parts. Yield how far it has come."""

    def link() -> Flow[Request]:
        yield from ()
        return Request(path=job_path(job_id, "tasks", task_id, f"files/{path}"))

    yield from _download(link, target, policy)


def _download(link: Callable[[], Flow[Request]], target: Path, policy: RetryPolicy) -> Flow[None]:
    """Download into `target.part`, which becomes `target` when it is whole.

    A part that is there is gone on with, unless the file has changed since it was written.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    place = yield from link()
    offset = part.stat().st_size if part.exists() else 0
    begun_at = part.stat().st_mtime if offset else None
    version, renewed = "", False
    while True:
        span = {"range": f"bytes={offset}-{offset + PART_BYTES - 1}"}
        version_is = {"if-match": version} if version and offset else {}
        reply = yield from send(Request(path=place.path, headers={**span, **version_is}), policy)
        if reply.status == 403 and place.is_for_storage and not renewed:  # the signature has ended
            place, renewed = (yield from link()), True
            continue
        if reply.status == 412 or (reply.status in (200, 206) and _is_newer(reply, begun_at)):
            offset, version, begun_at = 0, "", None
            continue
        if reply.status == 416:  # nothing is left of it, or it is empty
            total = _total_of(reply)
            if offset > total:
                offset = 0
                continue
            with part.open("ab") as file:
                file.truncate(offset)
            break
        if reply.status not in (200, 206):
            raise refusal(reply)
        begin, total = _range_of(reply)
        with part.open("r+b" if part.exists() else "wb") as file:
            file.seek(begin)
            file.write(reply.content)
            offset = file.tell()
            file.truncate()
        begun_at, renewed, version = None, False, reply.headers.get("etag", "")
        yield Item(Progress(offset, total))
        if offset >= total:
            break
    part.replace(target)


def _is_newer(reply: Reply, begun_at: float | None) -> bool:
    """Return whether a file has changed since a part of it was written."""
    if begun_at is None or not (text := reply.headers.get("last-modified", "")):
        return False
    try:
        return parsedate_to_datetime(text).timestamp() > begun_at
    except ValueError:
        return True


def _range_of(reply: Reply) -> tuple[int, int]:
    """Return where the bytes of a reply begin in the file, and how many bytes the file has."""
    if reply.status == 200:
        return 0, len(reply.content)
    span, _, total = reply.headers.get("content-range", "").removeprefix("bytes ").partition("/")
    begin = int(span.partition("-")[0])
    return begin, int(total) if total.isdigit() else begin + len(reply.content)


def _total_of(reply: Reply) -> int:
    total = reply.headers.get("content-range", "").rpartition("/")[2]
    return int(total) if total.isdigit() else 0
