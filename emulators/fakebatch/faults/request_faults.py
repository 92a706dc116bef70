"""What happens to one request that rules strike."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from fakebatch.errors import BatchError, ConnectionCutError
from fakebatch.faults.task_count_history import CountsHistory
from fakebatch.wire.operation_response import OperationResponse


class Strike:
    """The faults of one request: `begin` before its effect, `end` after it."""

    def __init__(self, faults: Sequence[Mapping[str, Any]], history: CountsHistory) -> None:
        self._faults = faults
        self._history = history

    @property
    def bytes_per_second(self) -> int | None:
        """How fast the body of the answer is sent; None: at once."""
        return min((fault["bytesPerSecond"] for fault in self._of("slow")), default=None)

    async def begin(self) -> None:
        """Wait, then raise the BatchError or ConnectionCutError that keeps the request from its effect."""
        await asyncio.sleep(sum(fault["seconds"] for fault in self._of("latency")))
        for fault in self._faults:
            if fault["fault"] == "cut" and fault["when"] == "before":
                raise ConnectionCutError
            if fault["fault"] == "error":
                error = BatchError(fault["code"])
                error.status, error.retry_after = fault["status"], fault.get("retryAfter")
                raise error

    def end(self, answer: OperationResponse, job_id: str | None) -> OperationResponse:
        """Return the answer that is sent instead. Raises ConnectionCutError where none is."""
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
