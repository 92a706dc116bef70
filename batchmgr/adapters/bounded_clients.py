"""How long one call to Azure may take, retries and tokens included: half a minute.

Functions have two minutes, and many of them share one process, so nothing may sleep for long inside of one.
The clients of Azure do so by default: they wait as long as a `Retry-After` says, and 5 minutes for an answer.
Here they retry within seconds. Whoever is told to wait longer gets the error, and waits in a queue.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.request import getproxies

from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import AsyncRetryPolicy
from azure.storage.blob.aio import ExponentialRetry

from batchmgr.adapters.measured_calls import Calls
from batchmgr.adapters.service_errors import parse_retry_after
from batchmgr.telemetry_port import Telemetry

CALL_LIMIT = timedelta(seconds=30)
"""How long one call may take, its retries included."""

LONGEST_SLEEP = timedelta(seconds=2)
"""The longest `Retry-After` that a call waits for."""

TRANSPORT: dict[str, Any] = {
    "connection_timeout": 10,
    "read_timeout": 20,
    "use_env_settings": bool(getproxies()),
}
"""Limits of one attempt, in seconds: to connect, and between two parts of an answer.

Whether a proxy is set is found out once: the client would look it up for each call, in two threads.
"""


class BatchRetry(AsyncRetryPolicy[Any, Any]):
    """The retries of the Batch client: none where the service asks for a long pause."""

    def __init__(self, calls: Calls, **options: Any) -> None:
        super().__init__(**options)
        self._calls = calls

    async def send(self, request: PipelineRequest[Any]) -> PipelineResponse[Any, Any]:
        """Send the request, and again where that may help, until `CALL_LIMIT`. Then raise TimeoutError."""
        with self._calls.measured(request.http_request) as call:
            async with asyncio.timeout(CALL_LIMIT.total_seconds()):
                return call.answered(await super().send(request))

    def is_retry(self, settings: dict[str, Any], response: PipelineResponse[Any, Any]) -> bool:
        """Return whether the call is to be sent again now."""
        self._calls.seen(response.http_request, response.http_response.status_code)
        pause = self._pause(response)
        return (pause is None or pause <= LONGEST_SLEEP) and bool(super().is_retry(settings, response))

    def get_retry_after(self, response: PipelineResponse[Any, Any]) -> float | None:
        """Return how many seconds the service asks to wait; None if it does not say so."""
        pause = self._pause(response)
        return None if pause is None else pause.total_seconds()

    def _pause(self, response: PipelineResponse[Any, Any]) -> timedelta | None:
        text = response.http_response.headers.get("Retry-After")
        return parse_retry_after(text, datetime.now(UTC)) if text else None


class StorageRetry(ExponentialRetry):
    """The retries of the blob client and the queue client. They ignore a `Retry-After`."""

    def __init__(self, calls: Calls, **options: Any) -> None:
        super().__init__(**options)
        self._calls = calls

    async def send(self, request: PipelineRequest[Any]) -> Any:  # type: ignore[override]  # as its base does
        """Send the request, and again where that may help, until `CALL_LIMIT`. Then raise TimeoutError."""
        with self._calls.measured(request.http_request) as call:
            async with asyncio.timeout(CALL_LIMIT.total_seconds()):
                return call.answered(await super().send(request))  # type: ignore[no-untyped-call]

    def increment(
        self, settings: dict[str, Any], request: Any, response: Any = None, error: Any = None
    ) -> bool:
        """Return whether the call is to be sent again. A response that makes it necessary is counted."""
        if response is not None:
            self._calls.seen(request, response.status_code)
        return bool(super().increment(settings, request, response, error))


# A pipeline links its policies to each other, so each client needs a policy of its own.


def queue_options(telemetry: Telemetry, service: str = "queue") -> dict[str, Any]:
    """Return the options of one new queue client.

    The default of storage waits 15 s and more between attempts. Triggers and the poller try again anyway.
    """
    calls = Calls(service, telemetry)
    return {
        "retry_policy": StorageRetry(calls, initial_backoff=1, increment_base=2, retry_total=3),
        "network_span_namer": calls.name,
        **TRANSPORT,
    }


def blob_options(telemetry: Telemetry) -> dict[str, Any]:
    """Return the options of one new blob client.

    Larger blobs are sent in parts: a body of more than 1 MiB, sent at once, would block the event loop.
    """
    return {
        **queue_options(telemetry, "blob"),
        "max_single_put_size": 1024 * 1024,
        "max_block_size": 1024 * 1024,
    }
