"""Executes functions in this process: converts the trigger data, calls the function, converts its results."""

import asyncio
import contextvars
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import azure.functions as func

from functions_host.binding_converters import decode, encode
from functions_host.function_metadata import RETURN, Function
from functions_host.invocation_context import InvocationContext
from functions_host.log_levels import logging_for
from functions_host.trigger_data import InvocationRequest
from functions_host.typed_data import Outputs, TypedData


class FunctionExecutor:
    """Calls functions: async functions on the event loop, the others in a thread pool."""

    def __init__(self, *, threads: int | None = None) -> None:
        """Create a pool of `threads` threads. None means Python's default."""
        self._threads = ThreadPoolExecutor(threads, "function")

    async def execute(self, function: Function, request: InvocationRequest) -> Outputs:
        """Run a function once, and return its outputs. Raises what the function raises."""
        with logging_for(function.name):
            return await self._execute(function, request)

    def close(self) -> None:
        """Start no more functions. Those that run in a thread are not stopped."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _execute(self, function: Function, request: InvocationRequest) -> Outputs:
        trigger = request.trigger
        arguments = {
            function.trigger.name: decode(function.trigger.converter, trigger.value, trigger.metadata)
        }
        outs = {parameter.name: _Out() for parameter in function.outputs}
        if function.takes_context:
            arguments["context"] = InvocationContext(
                name=function.name,
                directory=str(function.directory),
                invocation_id=request.invocation_id,
                trace_parent=trigger.trace_parent,
            )
        returned = await self._call(function, arguments | outs)
        return _encode_outputs(function, outs, returned)

    async def _call(self, function: Function, arguments: Mapping[str, Any]) -> Any:
        if function.is_async:
            return await function.call(**arguments)
        loop = asyncio.get_running_loop()
        call = partial(contextvars.copy_context().run, partial(function.call, **arguments))
        return await loop.run_in_executor(self._threads, call)


class _Out(func.Out[Any]):
    def __init__(self) -> None:
        self._value: Any = None

    def set(self, val: Any) -> None:
        self._value = val

    def get(self) -> Any:
        return self._value


def _encode_outputs(function: Function, outs: Mapping[str, _Out], returned: Any) -> dict[str, TypedData]:
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
