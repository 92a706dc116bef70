"""What an operation is: a route, and the function that carries it out."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from batchmgr.local.fakebatch.engine import Engine
from batchmgr.local.fakebatch.execution.layout import Layout
from batchmgr.local.fakebatch.wire.answers import Answer
from batchmgr.local.fakebatch.wire.calls import Call


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What operations work on: the engine with its store, the files of tasks, the limits of the account."""

    engine: Engine
    layout: Layout
    active_job_quota: int


Handler: TypeAlias = Callable[[Service, Call], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the protocol; `path` names its ids in braces."""

    method: str
    path: str
    handle: Handler
