"""The service on HTTP: routes, authentication, and the headers every answer has."""

import logging
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from aiohttp import web

from fakebatch.bodies.property_schema import API_VERSION, IGNORE_UNKNOWN_PROPERTIES
from fakebatch.engine import Engine
from fakebatch.errors import BatchError, ConnectionCutError
from fakebatch.execution.auto_storage import AutoStorage
from fakebatch.execution.directory_layout import Layout
from fakebatch.execution.executor_port import Executor
from fakebatch.execution.process_executor import ProcessExecutor
from fakebatch.faults import control_api
from fakebatch.faults.control_api import Faults
from fakebatch.faults.operation_names import name_of
from fakebatch.http_responses import respond
from fakebatch.job_scheduler import JobSchedules
from fakebatch.model.application_packages import ApplicationPackage, Applications
from fakebatch.operations import pool_operations
from fakebatch.operations.all_operations import OPERATIONS
from fakebatch.operations.operation import Operation, Service
from fakebatch.persistence.state_directory import kept
from fakebatch.pool_autoscaler import Autoscaling
from fakebatch.quotas import Quotas
from fakebatch.service_logs import ServiceLogs
from fakebatch.simulation.simulated_executor import SimulatedExecutor
from fakebatch.simulation.simulation_plan import Plan
from fakebatch.simulation.virtual_clock import VirtualClock
from fakebatch.spot_node_replacement import Replacements
from fakebatch.store import Store
from fakebatch.tls import server_context
from fakebatch.wire import operation_response as responses
from fakebatch.wire import service_clock
from fakebatch.wire.api_versions import check_version
from fakebatch.wire.authentication import authorize
from fakebatch.wire.operation_request import OperationRequest

_log = logging.getLogger(__name__)

_LARGEST_BODY: Final = 16 * 2**20
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to serve; port 0 stands for any that is free.

    `root` holds the files of tasks, `pools` are the bodies of the pools that exist from the start,
    `applications` the packages of the account, and `auto_storage` is the storage account linked to it.
    `control` is the listening socket of the control address, by which faults are asked for. All but the files
    of tasks is kept in the directory `state`, if there is one, and found there again.
    With a `simulation` tasks only pass their time, on a clock of the whole process. With a
    `certificate`, which `tls.make_certificate` makes, it serves over https. If `loose`, properties that do
    not exist are left out of bodies instead of refused.
    """

    root: Path
    host: str = "127.0.0.1"
    port: int = 0
    pools: tuple[dict[str, object], ...] = ()
    quotas: Quotas = field(default_factory=Quotas)
    applications: tuple[ApplicationPackage, ...] = ()
    auto_storage: AutoStorage | None = None
    simulation: Plan | None = None
    control: socket.socket | None = None
    state: Path | None = None
    certificate: Path | None = None
    loose: bool = False


@asynccontextmanager
async def serving(options: Options) -> AsyncIterator[str]:
    """Serve while the context lasts, and yield the endpoint. All tasks are killed at the end."""
    listener = socket.create_server((options.host, options.port))
    context = None if options.certificate is None else server_context(options.certificate)
    scheme = "http" if context is None else "https"
    endpoint = f"{scheme}://{options.host}:{listener.getsockname()[1]}"
    layout = Layout(options.root)
    clock = (
        service_clock.RealClock() if options.simulation is None else VirtualClock(options.simulation.speed)
    )
    executor = _executor(options, layout, endpoint)
    engine = Engine(Store(), executor, Applications(options.applications))
    faults = Faults(engine, options.quotas)
    service = _service(options, engine, layout, faults)
    replacements = Replacements(engine)
    with service_clock.running_on(clock):
        try:
            # What is kept is what holds before the tasks are killed, for they are to run again.
            with _kept(options, engine.store) as keep:
                engine.follow(keep)
                if isinstance(clock, VirtualClock):
                    engine.follow(lambda: clock.settled() if engine.only_waits else None)
                engine.resume()
                _add_pools(service, options)
                async with AsyncExitStack() as sites:
                    await _open(sites, _application(service, faults, keep), listener, context)
                    if options.control is not None:
                        await _open(sites, control_api.application(faults), options.control)
                    yield endpoint
        finally:
            replacements.stop()
            service.schedules.stop()
            service.autoscaling.stop()
            await service.logs.stop()
            await engine.stop()
            if isinstance(clock, VirtualClock):
                clock.stop()
            listener.close()


def _service(options: Options, engine: Engine, layout: Layout, faults: Faults) -> Service:
    return Service(
        engine=engine,
        schedules=JobSchedules(engine),
        autoscaling=Autoscaling(engine),
        logs=ServiceLogs(engine.store),
        layout=layout,
        quotas=faults.quotas,
        is_loose=options.loose,
    )


def _add_pools(service: Service, options: Options) -> None:
    for body in options.pools:
        if str(body["id"]) not in service.engine.store.pools:
            pool_operations.add_pool(service, body)


async def _open(
    sites: AsyncExitStack,
    application: web.Application,
    listener: socket.socket,
    context: ssl.SSLContext | None = None,
) -> None:
    """Serve an application until the stack is left."""
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
    sites.push_async_callback(runner.cleanup)
    await runner.setup()
    await web.SockSite(runner, listener, ssl_context=context).start()


@contextmanager
def _kept(options: Options, store: Store) -> Iterator[Callable[[], None]]:
    """Yield a function that puts what has changed in the store where it outlives the process."""
    if options.state is None:
        yield lambda: None
        return
    with kept(store, options.state, options.root) as journal:
        yield journal.flush


def _executor(options: Options, layout: Layout, endpoint: str) -> Executor:
    if options.simulation is None:
        return ProcessExecutor(layout, endpoint, options.auto_storage)
    return SimulatedExecutor(options.simulation, layout)


def _application(service: Service, faults: Faults, keep: Callable[[], None]) -> web.Application:
    application = web.Application(client_max_size=_LARGEST_BODY, middlewares=[_answer_errors])
    for operation in OPERATIONS:
        handler = _handler(service, faults, operation, keep)
        application.router.add_route(operation.method, operation.path, handler)
    return application


def _handler(service: Service, faults: Faults, operation: Operation, keep: Callable[[], None]) -> _Handler:
    name = name_of(operation.method, operation.path)

    async def handle(request: web.Request) -> web.StreamResponse:
        body = await _body(request)
        # As sent: a parsed address would quote its characters in another way, and so spoil the signature.
        path, _, query = request.raw_path.partition("?")
        authorize(request.method, path, query, request.headers, is_secure=request.secure)
        version = check_version(request.query.get("api-version"))
        if not operation.is_in(version):
            raise BatchError("InvalidUri")
        API_VERSION.set(version)
        IGNORE_UNKNOWN_PROPERTIES.set(service.is_loose)
        call = OperationRequest(
            method=request.method,
            base=_base(request),
            path=path,
            ids=request.match_info,
            query=tuple(request.query.items()),
            headers=request.headers,
            body=body,
        )
        strike = faults.strike(name)
        await strike.begin()
        try:
            answer = await operation.handle(service, call)
        finally:
            keep()
        answer = strike.end(answer, call.ids.get("jobId"))
        return await respond(request, answer, bytes_per_second=strike.bytes_per_second)

    return handle


async def _body(request: web.Request) -> bytes:
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        raise BatchError("RequestBodyTooLarge", MaxSize=_LARGEST_BODY) from error


@web.middleware
async def _answer_errors(request: web.Request, handler: _Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except BatchError as error:
        refusal = error
    except ConnectionCutError:
        if request.transport is not None:
            request.transport.abort()
        return web.Response()
    except web.HTTPMethodNotAllowed:
        refusal = BatchError("UnsupportedHttpVerb")
    except web.HTTPNotFound:
        refusal = BatchError("InvalidUri")
    except Exception:
        _log.exception("%s %s failed", request.method, request.rel_url)
        refusal = BatchError("InternalError")
    request_id = responses.new_request_id()
    answer = responses.failure(_base(request), refusal, request_id)
    return await respond(request, answer, request_id=request_id)


def _base(request: web.Request) -> str:
    return f"{request.scheme}://{request.host}"
