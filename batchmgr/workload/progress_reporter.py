"""Reports a task's progress and result from its node, in one small blob a task that each report overwrites.

The blob is in the job's own container, under `batchmgr-reports/`. Its metadata repeats what matters, so that
the control plane reads the reports of all tasks with one listing. The node writes with the shared access
signature of the job, or with the managed identity of its pool. If a report cannot be sent, the task goes on.
"""

from __future__ import annotations

import json
import logging
import time
from typing import Any, Callable, Mapping
from urllib.parse import quote

from batchmgr.plan.cut_text import cut
from batchmgr.plan.job_plan import REPORTS_IDENTITY_VARIABLE, REPORTS_URL_VARIABLE
from batchmgr.workload.blob_client import put_blob

SECONDS_BETWEEN_REPORTS = 5.0
SECONDS_AFTER_FAILURE = 60.0
MAX_MESSAGE = 400
MAX_RESULT_BYTES = 32 * 1024
MAX_RESULT_DEPTH = 32
MAX_REPORT_BYTES = MAX_RESULT_BYTES + 32 * 1024
"""What a report takes, at most: its result, its message, and what JSON needs around them."""

_LAST_TRIES = 3
logger = logging.getLogger(__name__)
Send = Callable[[bytes, Mapping[str, str]], None]


class ProgressReporter:
    """Keeps the newest progress and result of a task, and sends them. Without `send` they are only kept.

    >>> reporter = ProgressReporter()
    >>> reporter.report_progress(0.5, "half of the windows")
    >>> reporter.fraction, reporter.message
    (0.5, 'half of the windows')
    """

    def __init__(self, send: Send | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.fraction: float | None = None
        self.message: str = ""
        self.result: dict[str, Any] | None = None
        self._send = send
        self._clock = clock
        self._next_time = 0.0
        self._is_unsent = False
        self._has_failed = False
        self._result_key = ""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> ProgressReporter:
        """Return the reporter of a task on a node. Without a URL, as in a run by hand, it sends nothing."""
        url = environment.get(REPORTS_URL_VARIABLE, "")
        if not url:
            return cls()
        folder, _, query = url.partition("?")
        blob = f"{folder}/{quote(environment.get('AZ_BATCH_TASK_ID', ''))}.json"
        identity = environment.get(REPORTS_IDENTITY_VARIABLE, "")
        target = f"{blob}?{query}" if query else blob
        return cls(lambda body, facts: put_blob(target, identity, body, facts))

    def report_progress(self, fraction: float, message: str) -> None:
        """Keep the progress. Send it if the last report was sent five seconds ago or more."""
        self.fraction = min(1.0, max(0.0, float(fraction)))
        self.message = cut(str(message), MAX_MESSAGE)
        self._is_unsent = True
        if self._clock() >= self._next_time:
            self._try_to_send()

    def publish_result(self, result: Mapping[str, object]) -> None:
        """Keep the result and send it at once. After a failure of storage, wait a minute.

        Raise `ValueError` if the result is no JSON object, has more than 32 KiB, or has more than 32 levels.
        """
        if not isinstance(result, Mapping):
            raise ValueError(f"a result must be a mapping, not {type(result).__name__}")
        try:
            encoded = json.dumps(dict(result), allow_nan=False, sort_keys=True)
            json.dumps(json.loads(encoded), ensure_ascii=False).encode()  # unpaired surrogates cannot be sent
        except (TypeError, ValueError, RecursionError) as error:
            raise ValueError(f"the result is not JSON: {error}") from error
        if len(encoded) > MAX_RESULT_BYTES:
            raise ValueError(
                f"the result takes {len(encoded)} bytes as JSON, more than {MAX_RESULT_BYTES}: write it to "
                "an output file and publish the file's name"
            )
        if depth(result, MAX_RESULT_DEPTH) > MAX_RESULT_DEPTH:
            raise ValueError(f"the result has more than {MAX_RESULT_DEPTH} levels of lists and objects")
        from hashlib import sha256  # tasks that publish nothing start faster without it

        self.result = json.loads(encoded)
        self._result_key = sha256(encoded.encode()).hexdigest()[:16]
        self._is_unsent = True
        if not self._has_failed or self._clock() >= self._next_time:
            self._try_to_send()

    def close(self) -> None:
        """Send what was not sent yet, with three attempts at most. Call it at the end of the task."""
        for number in range(_LAST_TRIES):
            if not self._is_unsent or self._send is None:
                return
            if number:
                time.sleep(number)
            self._try_to_send()

    def _try_to_send(self) -> None:
        if self._send is None:
            return
        body = {"fraction": self.fraction, "message": self.message, "result": self.result}
        facts = {
            "sequence": str(time.time_ns() // 1_000_000),
            "message": quote(self.message),
            "result": self._result_key,
        }
        if self.fraction is not None:
            facts["fraction"] = f"{self.fraction:.4f}"
        try:
            # Storage does not keep empty metadata values reliably, so they are left out.
            given = {name: text for name, text in facts.items() if text}
            self._send(json.dumps(body).encode(), given)
        except Exception as error:  # the task's own work must go on
            logger.warning("the report of this task was not sent: %s", error)
            self._has_failed = True
            self._next_time = self._clock() + SECONDS_AFTER_FAILURE
        else:
            self._is_unsent = self._has_failed = False
            self._next_time = self._clock() + SECONDS_BETWEEN_REPORTS


def depth(value: object, limit: int) -> int:
    """Return how many levels of lists and mappings a value has. Stop counting above `limit`.

    >>> depth({"a": [1, [2]]}, 9), depth("text", 9)
    (3, 0)
    """
    level, found = 0, [value]
    while found and level <= limit:
        inner: list[object] = []
        for one in found:
            if isinstance(one, Mapping):
                inner.append(list(one.values()))
            elif isinstance(one, (list, tuple)):
                inner.append(one)
        level += bool(inner)
        found = [part for many in inner for part in many]  # type: ignore[attr-defined]
    return level
