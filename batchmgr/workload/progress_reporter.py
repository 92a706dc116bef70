"""How a task on a node tells the job's events how far it is: one small blob a task, written over and over.

The blob is in the job's own container, under `batchmgr-reports/`; what it says is in its metadata too, so
that one listing tells of all tasks. The node writes with the shared access signature of the job, or with the
managed identity of its pool. Nothing that goes wrong here disturbs the task.
"""

from __future__ import annotations

import json
import logging
import time
from typing import Any, Callable, Mapping
from urllib.parse import quote

from batchmgr.plan.job_plan import REPORTS_IDENTITY_VARIABLE, REPORTS_URL_VARIABLE
from batchmgr.workload.blob_client import put_blob

SECONDS_BETWEEN_REPORTS = 5.0
SECONDS_AFTER_FAILURE = 60.0
MAX_MESSAGE = 400
MAX_RESULT_BYTES = 32 * 1024
_LAST_TRIES = 3
logger = logging.getLogger(__name__)
Send = Callable[[bytes, Mapping[str, str]], None]


class ProgressReporter:
    """What one task has to tell. Without a way to send it, as in a run by hand, it is only kept.

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
        """The reporter of a task on a node; one that only keeps what it is told where there is no URL."""
        url = environment.get(REPORTS_URL_VARIABLE, "")
        if not url:
            return cls()
        folder, _, query = url.partition("?")
        blob = f"{folder}/{quote(environment.get('AZ_BATCH_TASK_ID', ''))}.json"
        identity = environment.get(REPORTS_IDENTITY_VARIABLE, "")
        target = f"{blob}?{query}" if query else blob
        return cls(lambda body, facts: put_blob(target, identity, body, facts))

    def report_progress(self, fraction: float, message: str) -> None:
        """Keep it, and send it if the last one was sent long enough ago."""
        self.fraction = min(1.0, max(0.0, float(fraction)))
        self.message = str(message)[:MAX_MESSAGE].encode(errors="replace").decode()
        self._is_unsent = True
        if self._clock() >= self._next_time:
            self._try_to_send()

    def publish_result(self, result: Mapping[str, object]) -> None:
        """Keep it, and send it now, unless storage has just failed.

        Raises `ValueError` if it is no JSON object or too large.
        """
        if not isinstance(result, Mapping):
            raise ValueError(f"a result must be a mapping, not {type(result).__name__}")
        try:
            encoded = json.dumps(dict(result), allow_nan=False, sort_keys=True)
            json.dumps(json.loads(encoded), ensure_ascii=False).encode()  # half characters can't be sent
        except (TypeError, ValueError, RecursionError) as error:
            raise ValueError(f"the result is not JSON: {error}") from error
        if len(encoded) > MAX_RESULT_BYTES:
            raise ValueError(
                f"the result takes {len(encoded)} bytes as JSON, more than {MAX_RESULT_BYTES}: keep it in an "
                "output file and publish the file's name"
            )
        from hashlib import sha256  # most tasks publish nothing, and start sooner without it

        self.result = json.loads(encoded)
        self._result_key = sha256(encoded.encode()).hexdigest()[:16]
        self._is_unsent = True
        if not self._has_failed or self._clock() >= self._next_time:
            self._try_to_send()

    def close(self) -> None:
        """Send what was not sent yet, a few times if need be; for the end of the task."""
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
            # Metadata without a value comes back as none at all, or not at all.
            given = {name: text for name, text in facts.items() if text}
            self._send(json.dumps(body).encode(), given)
        except Exception as error:  # whatever it is, the task's own work matters more
            logger.warning("the report of this task was not sent: %s", error)
            self._has_failed = True
            self._next_time = self._clock() + SECONDS_AFTER_FAILURE
        else:
            self._is_unsent = self._has_failed = False
            self._next_time = self._clock() + SECONDS_BETWEEN_REPORTS
