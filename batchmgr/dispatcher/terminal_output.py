"""Prints the progress of a local run: one line per event, and the job's outcome at the end."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import urlsplit
from urllib.request import url2pathname

import msgspec

from batchmgr.dispatcher.run_directory import RunDirectory
from batchmgr.model.cloud_event import Event
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_record_parts import CallbackState, CallbackStatus
from batchmgr.model.job_states import JobState
from batchmgr.plan.cut_text import cut

LONGEST_RESULT = 500
"""How many bytes of a result are printed. All of it is in the callback, and in the events."""

_WORDS = {
    "job.queued": "The job was accepted.",
    "job.submitting": "The job's tasks are being submitted.",
    "job.running": "The job is running.",
    "job.finalizing": "The tasks have ended. The outcome is being decided.",
    "task.running": "is running",
    "task.succeeded": "succeeded",
    "task.failed": "failed",
    "task.retried": "is retried",
    "task.result": "published a result",
}
_ENDS = {
    JobState.SUCCEEDED: "succeeded",
    JobState.FAILED: "failed",
    JobState.PARTIAL: "succeeded in part",
    JobState.CANCELLED: "was cancelled",
    JobState.TIMED_OUT: "exceeded its time limit",
    JobState.REJECTED: "was rejected",
}


class TerminalOutput:
    """The EventSink port: prints events to a stream, for people to read."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._started = time.monotonic()
        self._here = Path.cwd()
        self._printed: set[str] = set()

    async def send(self, events: Sequence[Event]) -> None:
        """Print one line per event. A repeated event is not printed again."""
        for event in events:
            if event.id not in self._printed:
                self._printed.add(event.id)
                self._write(f"{time.monotonic() - self._started:7.1f} s  {_line(event)}")

    async def check(self) -> None:
        """Do nothing: a stream is always there."""

    def begin(self, job_id: str, directory: RunDirectory, *, is_again: bool) -> None:
        """Print which job runs, and in which directory."""
        again = "; the files of the earlier run there were removed" if is_again else ""
        self._write(f"Job {job_id}, in {self._shown(directory.root)}{again}")

    def note(self, text: str) -> None:
        """Print a line that is not an event."""
        self._write(f"           {text}")

    def end(self, record: JobRecord, directory: RunDirectory) -> None:
        """Print how the job ended, and where its files are."""
        reason = f": {record.error.message}" if record.error else "."
        self._write(f"\nThe job {_ENDS[record.state]}{reason}")
        for task in record.run.failed_tasks:
            self._write(f"  see {self._shown(directory.task(task.task_id) / 'stderr.txt')}")
        if record.results:
            self._write("Results:")
        for result in record.results:
            self._write(f"  {self._shown(Path(url2pathname(urlsplit(result.uri).path)))}")
        if record.task_results:
            self._write("Published by tasks:")
        for published in record.task_results:
            text = msgspec.json.encode(published.result).decode()
            self._write(f"  {published.task_id}: {cut(text, LONGEST_RESULT)}")
        if record.callback is not None:
            self._write(_callback_line(record.callback))

    def _shown(self, path: Path) -> Path:
        return path.relative_to(self._here) if path.is_relative_to(self._here) else path

    def _write(self, line: str) -> None:
        self._stream.write(f"{line}\n")
        self._stream.flush()


def _line(event: Event) -> str:
    name = event.type.removeprefix("batchmgr.")
    data: dict[str, Any] = event.data
    if name == "job.progress":
        return f"{data['counts']['completed']} of {data['total']} tasks have ended."
    words = _WORDS.get(name, name)
    if name == "task.progress":
        words = f"is at {data['fraction']:.0%}"
    if name.startswith("job."):
        end = _ENDS.get(data.get("state", ""))
        return f"The job {end}." if end else words
    title = f" ({data['displayName']})" if "displayName" in data else ""
    message = data["error"]["message"] if "error" in data else data.get("message", "")
    reason = f": {message}" if message else "."
    return f"Task {data['taskId']}{title} {words}{reason}"


def _callback_line(status: CallbackStatus) -> str:
    if status.state is CallbackState.DELIVERED:
        return "The callback was delivered."
    return f"The callback was not delivered: {status.last_error or 'there are no more attempts'}"
