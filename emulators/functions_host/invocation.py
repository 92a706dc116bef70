"""Invokes functions: converts the trigger data, calls the function, writes outputs, enforces the timeout."""

import asyncio
import contextvars
import logging
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any, Protocol

import azure.functions as func
from azure.functions.meta import Datum

from functions_host.binding_converters import decode, encode
from functions_host.errors import WorkerLostError
from functions_host.function_metadata import RETURN, BoundParameter, Function
from functions_host.invocation_context import InvocationContext
from functions_host.log_levels import logging_for
from functions_host.trigger_data import TriggerData

_log = logging.getLogger(__name__)


class OutputWriter(Protocol):
    """Writes one output of a function that succeeded."""

    async def write(self, output: BoundParameter, value: Datum, binding_data: Mapping[str, str]) -> None:
        """Write `value` where the binding says. `binding_data` has the values of `{name}` expressions."""


@dataclass(frozen=True, kw_only=True)
class InvocationResult:
    """How an invocation ended."""

    succeeded: bool
    outputs: Mapping[str, Datum] = field(default_factory=dict)
    """The outputs by parameter name. The return value is named `$return`."""


class _Out(func.Out[Any]):
    def __init__(self) -> None:
        self._value: Any = None

    def set(self, val: Any) -> None:
        self._value = val

    def get(self) -> Any:
        return self._value


class Invoker:
    """Runs functions: async functions on the event loop, the others in a thread pool.

    If an invocation exceeds the timeout, all running invocations fail and `worker_lost` is set. The real host
    restarts its worker process then; here the worker is this process, so the caller has to restart it.
    """

    def __init__(
        self, *, timeout: timedelta | None, writer: OutputWriter, threads: int | None = None
    ) -> None:
        self._timeout = timeout.total_seconds() if timeout else None
        self._writer = writer
        self._threads = ThreadPoolExecutor(threads, "function")
        self._running: set[asyncio.Task[InvocationResult]] = set()
        self.worker_lost = asyncio.Event()

    async def invoke(self, function: Function, trigger: TriggerData, reason: str) -> InvocationResult:
        """Run a function once. If it fails, the error is logged and the result says so; nothing is raised."""
        with logging_for(function.name):
            return await self._invoke(function, trigger, reason)

    async def _invoke(self, function: Function, trigger: TriggerData, reason: str) -> InvocationResult:
        context = InvocationContext(
            name=function.name, directory=str(function.directory), trace_parent=trigger.trace_parent
        )
        _log.info(
            "Executing 'Functions.%s' (Reason='%s', Id=%s)", function.name, reason, context.invocation_id
        )
        started = time.monotonic()
        failure: Exception | None = None
        result = InvocationResult(succeeded=False)
        try:
            result = await self._run_with_timeout(function, trigger, context)
        except Exception as error:
            failure = error
        _log.log(
            logging.ERROR if failure else logging.INFO,
            "Executed 'Functions.%s' (%s, Id=%s, Duration=%dms)",
            function.name,
            "Failed" if failure else "Succeeded",
            context.invocation_id,
            (time.monotonic() - started) * 1000,
            exc_info=failure,
        )
        return result

    def abandon(self) -> int:
        """Abandon the invocations that still run. Return how many there were."""
        for task in self._running:
            task.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)
        return len(self._running)

    async def _run_with_timeout(
        self, function: Function, trigger: TriggerData, context: InvocationContext
    ) -> InvocationResult:
        work = asyncio.create_task(self._execute(function, trigger, context))
        self._running.add(work)
        work.add_done_callback(self._running.discard)
        lost = asyncio.create_task(self.worker_lost.wait())
        try:
            return await self._wait_for_result(work, lost, function)
        finally:
            lost.cancel()

    async def _wait_for_result(
        self, work: asyncio.Task[InvocationResult], lost: asyncio.Task[bool], function: Function
    ) -> InvocationResult:
        started = time.monotonic()
        await asyncio.wait((work, lost), timeout=self._timeout, return_when=asyncio.FIRST_COMPLETED)
        if work.cancelled():
            # The Python worker sends no response if a CancelledError escapes. The host waits for the timeout.
            left = None if self._timeout is None else self._timeout - (time.monotonic() - started)
            await asyncio.wait((lost,), timeout=left)
        elif work.done():
            return work.result()
        if self.worker_lost.is_set():
            raise WorkerLostError(f"'{function.name}' was running when the worker was lost")
        self.worker_lost.set()
        raise WorkerLostError(f"'{function.name}' exceeded the function timeout of {self._timeout} s")

    async def _execute(
        self, function: Function, trigger: TriggerData, context: InvocationContext
    ) -> InvocationResult:
        arguments = {
            function.trigger.name: decode(function.trigger.converter, trigger.value, trigger.metadata)
        }
        outs = {parameter.name: _Out() for parameter in function.outputs}
        if function.takes_context:
            arguments["context"] = context
        returned = await self._call(function, arguments | outs)
        outputs = _encode_outputs(function, outs, returned)
        writes = [
            self._writer.write(parameter, outputs[parameter.name], trigger.binding_data)
            for parameter in function.results
            if parameter.name in outputs and parameter.binding["type"] != "http"
        ]
        await asyncio.gather(*writes)
        return InvocationResult(succeeded=True, outputs=outputs)

    async def _call(self, function: Function, arguments: Mapping[str, Any]) -> Any:
        if function.is_async:
            return await function.call(**arguments)
        loop = asyncio.get_running_loop()
        call = partial(contextvars.copy_context().run, partial(function.call, **arguments))
        return await loop.run_in_executor(self._threads, call)


def _encode_outputs(function: Function, outs: Mapping[str, _Out], returned: Any) -> dict[str, Datum]:
    if returned is not None and function.returns is None:
        raise RuntimeError(f"function {function.name!r} without a $return binding returned a value")
    outputs = {
        parameter.name: encode(parameter.converter, value, parameter.annotation)
        for parameter in function.outputs
        if (value := outs[parameter.name].get()) is not None
    }
    if function.returns is not None:
        outputs[RETURN] = encode(function.returns.converter, returned, function.returns.annotation)
    return outputs
