"""The HTTP server: it starts and stops the service, and routes requests to operations."""

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
from fakebatch.faults.control_api import FaultInjector
from fakebatch.faults.operation_names import name_of
from fakebatch.http_responses import respond
from fakebatch.job_scheduler import JobScheduler
from fakebatch.model.application_packages import ApplicationPackage, Applications
from fakebatch.operations import pool_operations
from fakebatch.operations.all_operations import OPERATIONS
from fakebatch.operations.operation import Operation, Service
from fakebatch.persistence.state_directory import open_state
from fakebatch.pool_autoscaler import PoolAutoscaler
from fakebatch.quotas import Quotas
from fakebatch.service_delays import ServiceDelays
from fakebatch.service_logs import ServiceLogs
from fakebatch.simulation.simulated_executor import SimulatedExecutor
from fakebatch.simulation.simulation_plan import SimulationPlan
from fakebatch.simulation.virtual_clock import VirtualClock
from fakebatch.spot_node_eviction import SpotNodeEviction
from fakebatch.spot_node_replacement import SpotNodeReplacement
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
    """How to serve.

    - `root`: the directory for the files of tasks.
    - `host`, `port`: the address to listen on; port 0 picks a free one.
    - `pools`: the request bodies of pools that are created at the start, unless the state has them already.
    - `quotas`, `applications`: the quotas and the application packages of the account.
    - `auto_storage`: the storage account that is linked to the account.
    - `simulation`: how simulated tasks behave, on a clock of the whole process; None: tasks really run.
    - `control`: the listening socket of the control API, which injects faults.
    - `state`: the directory that keeps everything but the files of tasks; None: nothing is kept.
    - `certificate`: serve over https with this certificate, whose key is `key.pem` beside it.
    - `loose`: ignore unknown properties of request bodies instead of refusing them.
    """

    root: Path
    host: str = "127.0.0.1"
    port: int = 0
    pools: tuple[dict[str, object], ...] = ()
    quotas: Quotas = field(default_factory=Quotas)
    applications: tuple[ApplicationPackage, ...] = ()
    auto_storage: AutoStorage | None = None
    simulation: SimulationPlan | None = None
    control: socket.socket | None = None
    state: Path | None = None
    certificate: Path | None = None
    loose: bool = False


@asynccontextmanager
async def serving(options: Options) -> AsyncIterator[str]:
    """Serve while the context lasts, and yield the endpoint. At the end all tasks are killed."""
    listener = socket.create_server((options.host, options.port))
    context = None if options.certificate is None else server_context(options.certificate)
    scheme = "http" if context is None else "https"
    endpoint = f"{scheme}://{options.host}:{listener.getsockname()[1]}"
    layout = Layout(options.root)
    clock = (
        service_clock.RealClock() if options.simulation is None else VirtualClock(options.simulation.speed)
    )
    executor = _executor(options, layout, endpoint)
    delays = _delays(options.simulation)
    engine = Engine(Store(), executor, Applications(options.applications), delays=delays)
    faults = FaultInjector(engine, options.quotas)
    service = _service(options, engine, layout, faults)
    replacements = SpotNodeReplacement(engine)
    evictions = _evictions(engine, options.simulation)
    with service_clock.running_on(clock):
        try:
            # The state is saved before the tasks are killed, so that they run again after a restart.
            with _open_state(options, engine.store) as save:
                engine.add_pass_listener(save)
                if isinstance(clock, VirtualClock):
                    engine.add_pass_listener(lambda: clock.jump_if_awaited() if engine.is_idle else None)
                engine.resume()
                _add_pools(service, options)
                async with AsyncExitStack() as sites:
                    await _open(sites, _application(service, faults, save), listener, context)
                    if options.control is not None:
                        await _open(sites, control_api.application(faults), options.control)
                    yield endpoint
        finally:
            replacements.stop()
            evictions.stop()
            service.schedules.stop()
            service.autoscaling.stop()
            await service.logs.stop()
            await engine.stop()
            if isinstance(clock, VirtualClock):
                clock.stop()
            listener.close()


def _service(options: Options, engine: Engine, layout: Layout, faults: FaultInjector) -> Service:
    return Service(
        engine=engine,
        schedules=JobScheduler(engine),
        autoscaling=PoolAutoscaler(engine),
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
    """Serve an application until the stack is closed."""
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
    sites.push_async_callback(runner.cleanup)
    await runner.setup()
    await web.SockSite(runner, listener, ssl_context=context).start()


@contextmanager
def _open_state(options: Options, store: Store) -> Iterator[Callable[[], None]]:
    """Yield a function that writes the changes of the store to the state directory."""
    if options.state is None:
        yield lambda: None
        return
    with open_state(store, options.state, options.root) as journal:
        yield journal.flush


def _executor(options: Options, layout: Layout, endpoint: str) -> Executor:
    if options.simulation is None:
        return ProcessExecutor(layout, endpoint, options.auto_storage)
    return SimulatedExecutor(options.simulation, layout)


def _delays(plan: SimulationPlan | None) -> ServiceDelays:
    if plan is None:
        return ServiceDelays()
    names = ("resize", "boot", "scheduling")
    drawn = {name: draw for name in names if (draw := getattr(plan, name)) is not None}
    return ServiceDelays(**drawn, seed=plan.seed)


def _evictions(engine: Engine, plan: SimulationPlan | None) -> SpotNodeEviction:
    rate, seed = (0.0, 0) if plan is None else (plan.eviction, plan.seed)
    return SpotNodeEviction(engine, rate, seed)


def _application(service: Service, faults: FaultInjector, save: Callable[[], None]) -> web.Application:
    application = web.Application(client_max_size=_LARGEST_BODY, middlewares=[_answer_errors])
    for operation in OPERATIONS:
        handler = _handler(service, faults, operation, save)
        application.router.add_route(operation.method, operation.path, handler)
    return application


def _handler(
    service: Service, faults: FaultInjector, operation: Operation, save: Callable[[], None]
) -> _Handler:
    name = name_of(operation.method, operation.path)

    async def handle(request: web.Request) -> web.StreamResponse:
        body = await _body(request)
        # The signature covers the path and query as sent. Parsing may change how they are quoted.
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
        request_faults = faults.for_request(name)
        await request_faults.before_handling()
        try:
            answer = await operation.handle(service, call)
        finally:
            save()
        answer = request_faults.after_handling(answer, call.ids.get("jobId"))
        return await respond(request, answer, bytes_per_second=request_faults.bytes_per_second)

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
