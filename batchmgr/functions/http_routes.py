"""How a plain function becomes an HTTP trigger.

A handler takes the ports and a request, and returns a response; a test can call it with ports of its own.
`bind` adds what is the same for all of them: the ports of this app, and a problem document for every error.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

import azure.functions as func

from batchmgr.errors import BatchmgrError
from batchmgr.functions.http_responses import TOO_SLOW, error_response, problem_response
from batchmgr.functions.time_limit import TIME_LIMIT_SECONDS, time_limit
from batchmgr.ports import Ports
from batchmgr.runtime import Runtime

Handler = Callable[[Ports, func.HttpRequest], Awaitable[func.HttpResponse]]
Trigger = Callable[[func.HttpRequest], Awaitable[func.HttpResponse]]


@dataclass(frozen=True, kw_only=True)
class Route:
    """One method on one path, such as `jobs/{jobId}`. The handler's name is the name of the function."""

    method: str
    path: str
    handler: Handler


def bind(runtime: Runtime, routes: Iterable[Route]) -> func.Blueprint:
    """Return a blueprint with an HTTP trigger for each route."""
    blueprint = func.Blueprint()
    for route in routes:
        blueprint.route(route.path, methods=[route.method])(_trigger(runtime, route.handler))
    return blueprint


def _trigger(runtime: Runtime, handler: Handler) -> Trigger:
    async def trigger(req: func.HttpRequest) -> func.HttpResponse:
        try:
            async with time_limit():
                return await handler(await runtime.ports(), req)
        except BatchmgrError as error:  # any other exception is a bug, and is answered with 500 by the host
            return error_response(error)
        except TimeoutError:
            detail = f"the request took more than {TIME_LIMIT_SECONDS} seconds: send it again"
            return problem_response(TOO_SLOW, detail)

    trigger.__name__ = handler.__name__
    return trigger
