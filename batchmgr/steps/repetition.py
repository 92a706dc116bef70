"""A use case decides on a record and saves it guarded by its ETag; if that changed, it decides again."""

import functools
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, TypeVar

from batchmgr.errors import RecordChangedError
from batchmgr.ports import Ports

ATTEMPTS = 10

P = ParamSpec("P")
R = TypeVar("R")
UseCase = Callable[Concatenate[Ports, P], Coroutine[Any, Any, R]]


def repeat_when_changed(use_case: UseCase[P, R]) -> UseCase[P, R]:
    """Run a use case again from its beginning when somebody else saved the record first.

    Each use case begins by loading and may be repeated at any point, so nothing is done twice. After ten
    losses in a row RecordChangedError passes on, and the trigger repeats the call.
    """

    @functools.wraps(use_case)
    async def repeated(ports: Ports, /, *args: P.args, **kwargs: P.kwargs) -> R:
        for _ in range(ATTEMPTS - 1):
            try:
                return await use_case(ports, *args, **kwargs)
            except RecordChangedError:
                continue
        return await use_case(ports, *args, **kwargs)

    return repeated
