"""An operation: a route, and the function that handles its requests."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from fakebatch.engine import Engine
from fakebatch.execution.directory_layout import Layout
from fakebatch.job_scheduler import JobScheduler
from fakebatch.pool_autoscaler import PoolAutoscaler
from fakebatch.quotas import Quotas
from fakebatch.service_logs import ServiceLogs
from fakebatch.wire.operation_request import OperationRequest
from fakebatch.wire.operation_response import OperationResponse


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The parts of the service that operations use.

    `quotas` returns the quotas that hold now. With `is_loose`, unknown properties in requests are ignored.
    """

    engine: Engine
    schedules: JobScheduler
    autoscaling: PoolAutoscaler
    logs: ServiceLogs
    layout: Layout
    quotas: Callable[[], Quotas]
    is_loose: bool = False


Handler: TypeAlias = Callable[[Service, OperationRequest], Awaitable[OperationResponse]]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the protocol. `path` has the names of its ids in braces.

    The operation exists in the API versions from `since` on. If `until` is not None, it is missing in that
    version and all later ones.
    """

    method: str
    path: str
    handle: Handler
    since: str = ""
    until: str | None = None

    def is_in(self, version: str) -> bool:
        """Return whether an API version has the operation."""
        return self.since <= version and (self.until is None or version < self.until)
