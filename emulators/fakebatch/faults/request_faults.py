"""The faults of one request, before and after the operation is carried out."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from fakebatch.errors import BatchError, ConnectionCutError
from fakebatch.faults.task_count_history import TaskCountHistory
from fakebatch.wire.operation_response import OperationResponse


class RequestFaults:
    """The faults of one request."""

    def __init__(self, faults: Sequence[Mapping[str, Any]], history: TaskCountHistory) -> None:
        self._faults = faults
        self._history = history

    @property
    def bytes_per_second(self) -> int | None:
        """How fast the body of the response is sent; None: at full speed."""
        return min((fault["bytesPerSecond"] for fault in self._of("slow")), default=None)

    async def before_handling(self) -> None:
        """Wait for the latency, then raise BatchError or ConnectionCutError if the request must fail."""
        await asyncio.sleep(sum(fault["seconds"] for fault in self._of("latency")))
        for fault in self._faults:
            if fault["fault"] == "cut" and fault["when"] == "before":
                raise ConnectionCutError
            if fault["fault"] == "error":
                error = BatchError(fault["code"])
                error.status, error.retry_after = fault["status"], fault.get("retryAfter")
                raise error

    def after_handling(self, answer: OperationResponse, job_id: str | None) -> OperationResponse:
        """Return the response that is sent. Raises ConnectionCutError if the connection must be closed."""
        if any(fault["when"] == "after" for fault in self._of("cut")):
            raise ConnectionCutError
        if answer.body is not None and job_id is not None:
            for fault in self._of("countsLag"):
                answer = replace(answer, body=answer.body | self._history.before(job_id, fault["seconds"]))
            for fault in self._of("countsOff"):
                answer = replace(answer, body=_shifted(answer.body or {}, fault))
        return answer

    def _of(self, kind: str) -> list[Mapping[str, Any]]:
        return [fault for fault in self._faults if fault["fault"] == kind]


def _shifted(body: dict[str, Any], offsets: Mapping[str, Any]) -> dict[str, Any]:
    counts = {name: shown + offsets.get(name, 0) for name, shown in body["taskCounts"].items()}
    return body | {"taskCounts": counts}
