"""What an operation is: a route, and the function that carries it out."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from fakebatch.autoscaling import Autoscaling
from fakebatch.engine import Engine
from fakebatch.execution.layout import Layout
from fakebatch.quotas import Quotas
from fakebatch.schedules import JobSchedules
from fakebatch.service_logs import ServiceLogs
from fakebatch.wire.operation_request import OperationRequest
from fakebatch.wire.operation_response import OperationResponse


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What operations work on: the engine with its store, what the clock moves, files of tasks, quotas."""

    engine: Engine
    schedules: JobSchedules
    autoscaling: Autoscaling
    logs: ServiceLogs
    layout: Layout
    quotas: Callable[[], Quotas]
    is_loose: bool = False


Handler: TypeAlias = Callable[[Service, OperationRequest], Awaitable[OperationResponse]]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the protocol; `path` names its ids in braces.

    It exists in the versions from `since` up to, not including, `until` (None: in all later ones).
    """

    method: str
    path: str
    handle: Handler
    since: str = ""
    until: str | None = None

    def is_in(self, version: str) -> bool:
        """Whether a version of the protocol has the operation."""
        return self.since <= version and (self.until is None or version < self.until)
