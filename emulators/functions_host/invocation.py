"""Invokes functions: has a worker execute them, writes their outputs, and enforces the function timeout."""

import asyncio
import logging
import time
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol, TypeVar

from functions_host.errors import FunctionError, FunctionTimeoutError, WorkerLostError
from functions_host.function_metadata import BoundParameter, Function
from functions_host.log_levels import logging_for
from functions_host.trigger_data import InvocationRequest, TriggerData
from functions_host.typed_data import Outputs, TypedData
from functions_host.worker_supervisor import WorkerSupervisor

_log = logging.getLogger(__name__)

T = TypeVar("T")


class OutputWriter(Protocol):
    """Writes one output of a function that succeeded."""

    async def write(self, output: BoundParameter, value: TypedData, binding_data: Mapping[str, str]) -> None:
        """Write `value` where the binding says. `binding_data` has the values of `{name}` expressions."""


@dataclass(frozen=True, kw_only=True)
class InvocationResult:
    """How an invocation ended."""

    succeeded: bool
    outputs: Outputs = field(default_factory=dict)
    """The outputs by parameter name. The return value is named `$return`."""


class Invoker:
    """Runs functions in the worker, and writes their outputs.

    An invocation that exceeds the timeout fails, and the worker is restarted if the function still runs. The
    result is returned after that, as in the real host.
    """

    def __init__(self, *, timeout: timedelta | None, writer: OutputWriter, workers: WorkerSupervisor) -> None:
        self._timeout = timeout.total_seconds() if timeout else None
        self._writer = writer
        self._workers = workers
        self._aborted = asyncio.Event()
        self.running = 0
        """The number of invocations that have begun and not ended."""
        self._idle = asyncio.Event()
        self._idle.set()

    async def invoke(self, function: Function, trigger: TriggerData, reason: str) -> InvocationResult:
        """Run a function once. If it fails, the error is logged and the result says so; nothing is raised."""
        self.running += 1
        self._idle.clear()
        try:
            with logging_for(function.name):
                return await self._invoke(function, trigger, reason)
        finally:
            self.running -= 1
            if not self.running:
                self._idle.set()

    async def wait_until_idle(self) -> None:
        """Return when no invocation is running."""
        await self._idle.wait()

    def abort(self) -> None:
        """Let all invocations fail that run now or begin later. Their functions are not stopped."""
        self._aborted.set()

    async def _invoke(self, function: Function, trigger: TriggerData, reason: str) -> InvocationResult:
        request = InvocationRequest(function_name=function.name, trigger=trigger)
        _log.info(
            "Executing 'Functions.%s' (Reason='%s', Id=%s)", function.name, reason, request.invocation_id
        )
        started = time.monotonic()
        failure: Exception | None = None
        result = InvocationResult(succeeded=False)
        execution = asyncio.create_task(self._workers.execute(function, request))
        try:
            result = await self._run(execution, function, trigger)
        except Exception as error:
            failure = error
        _log.log(
            logging.ERROR if failure else logging.INFO,
            "Executed 'Functions.%s' (%s, Id=%s, Duration=%dms)%s",
            function.name,
            "Failed" if failure else "Succeeded",
            request.invocation_id,
            (time.monotonic() - started) * 1000,
            # The worker process sends the traceback as a text.
            f"\n{failure}" if isinstance(failure, FunctionError) else "",
            exc_info=None if isinstance(failure, FunctionError) else failure,
        )
        if isinstance(failure, FunctionTimeoutError):
            await self._workers.restart_after_timeout(request.invocation_id)
        execution.cancel()
        return result

    async def _run(
        self, execution: "asyncio.Task[Outputs]", function: Function, trigger: TriggerData
    ) -> InvocationResult:
        deadline = None if self._timeout is None else time.monotonic() + self._timeout
        outputs = await self._result_of(execution, deadline, function)
        writes: list[Coroutine[Any, Any, None]] = [
            self._writer.write(parameter, outputs[parameter.name], trigger.binding_data)
            for parameter in function.results
            if parameter.name in outputs and parameter.binding["type"] != "http"
        ]
        if writes:
            writing = asyncio.ensure_future(asyncio.gather(*writes))
            try:
                await self._result_of(writing, deadline, function)
            finally:
                writing.cancel()
        return InvocationResult(succeeded=True, outputs=outputs)

    async def _result_of(self, work: asyncio.Future[T], deadline: float | None, function: Function) -> T:
        """Return the result of `work`. If it takes too long, raise an error, and do not cancel it."""
        aborted = asyncio.create_task(self._aborted.wait())
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        try:
            await asyncio.wait((work, aborted), timeout=left, return_when=asyncio.FIRST_COMPLETED)
        finally:
            aborted.cancel()
        if work.done():
            return work.result()
        if self._aborted.is_set():
            raise WorkerLostError(f"'{function.name}' was running when the host had to stop")
        raise FunctionTimeoutError(f"'{function.name}' exceeded the function timeout of {self._timeout:g} s")
