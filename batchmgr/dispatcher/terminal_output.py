"""What a local run tells its user: a line an event, and how the job ended."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import urlsplit
from urllib.request import url2pathname

from batchmgr.dispatcher.run_directory import RunDirectory
from batchmgr.model.cloud_event import Event
from batchmgr.model.job_record import CallbackState, CallbackStatus, JobRecord
from batchmgr.model.job_states import JobState

_WORDS = {
    "job.queued": "The job is accepted.",
    "job.submitting": "Its tasks are planned.",
    "job.running": "The job runs.",
    "job.finalizing": "The tasks are over; the outcome is being decided.",
    "task.running": "runs",
    "task.succeeded": "has succeeded",
    "task.failed": "has failed",
    "task.retried": "runs again",
    "task.result": "has published a result",
}
_ENDS = {
    JobState.SUCCEEDED: "succeeded",
    JobState.FAILED: "failed",
    JobState.PARTIAL: "succeeded only in part",
    JobState.CANCELLED: "was cancelled",
    JobState.TIMED_OUT: "took too long",
    JobState.REJECTED: "was rejected",
}


class Terminal:
    """The EventSink port on a stream for people."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._started = time.monotonic()
        self._here = Path.cwd()
        self._told: set[str] = set()

    async def send(self, events: Sequence[Event]) -> None:
        """Write a line for each event, once."""
        for event in events:
            if event.id not in self._told:
                self._told.add(event.id)
                self._write(f"{time.monotonic() - self._started:7.1f} s  {_line(event)}")

    def begin(self, job_id: str, directory: RunDirectory, *, is_again: bool) -> None:
        """Tell what is run, and where."""
        again = "; the earlier run that was there is gone" if is_again else ""
        self._write(f"Job {job_id}, in {self._shown(directory.root)}{again}")

    def note(self, text: str) -> None:
        """Write a line that is no event."""
        self._write(f"           {text}")

    def end(self, record: JobRecord, directory: RunDirectory) -> None:
        """Tell how the job ended, and where to look."""
        reason = f": {record.error.message}" if record.error else "."
        self._write(f"\nThe job {_ENDS[record.state]}{reason}")
        for task in record.failed_tasks:
            self._write(f"  see {self._shown(directory.task(task.task_id) / 'stderr.txt')}")
        if record.results:
            self._write("Results:")
        for result in record.results:
            self._write(f"  {self._shown(Path(url2pathname(urlsplit(result.uri).path)))}")
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
        return f"{data['counts']['completed']} of {data['total']} tasks are over."
    words = _WORDS.get(name, name)
    if name == "task.progress":
        words = f"is at {data['fraction']:.0%}"
    if name.startswith("job."):
        end = _ENDS.get(data.get("state", ""))
        return f"The job {end}." if end else words
    title = f" ({data['displayName']})" if "displayName" in data else ""
    told = data["error"]["message"] if "error" in data else data.get("message", "")
    reason = f": {told}" if told else "."
    return f"Task {data['taskId']}{title} {words}{reason}"


def _callback_line(status: CallbackStatus) -> str:
    if status.state is CallbackState.DELIVERED:
        return "The callback was delivered."
    return f"The callback was not delivered: {status.last_error or 'it was given up'}"
