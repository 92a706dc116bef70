"""Function metadata: a function of the app, its trigger, its outputs and their bindings."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

RETURN = "$return"
"""The name of the binding that takes the return value of a function."""


@dataclass(frozen=True, kw_only=True)
class BoundParameter:
    """A parameter of a function, or its return value, with its binding."""

    name: str
    binding: Mapping[str, Any]
    """The binding as in function.json: `type`, `direction` and the properties of the type."""
    converter: str
    """The binding type whose converter is used; `generic` for parameters annotated with str or bytes."""
    annotation: Any = None
    """The annotated Python type, or None."""


def not_in_this_process(**arguments: Any) -> Any:
    """Stand for the code of a function that is in the worker process. Raises RuntimeError."""
    raise RuntimeError("the function is in the worker process")


@dataclass(frozen=True, kw_only=True)
class Function:
    """One function of the app, ready to be listened for and invoked."""

    name: str
    call: Callable[..., Any]
    is_async: bool
    directory: Path
    trigger: BoundParameter
    outputs: tuple[BoundParameter, ...]
    """The parameters of type `Out`, without the return value."""
    returns: BoundParameter | None
    takes_context: bool
    entry_point: str = ""
    """The name of the Python function."""

    def without_code(self) -> "Function":
        """Return a copy that another process can read. It cannot be called, and has no annotations."""
        return replace(
            self,
            call=not_in_this_process,
            trigger=replace(self.trigger, annotation=None),
            outputs=tuple(replace(output, annotation=None) for output in self.outputs),
            returns=self.returns and replace(self.returns, annotation=None),
        )

    @property
    def id(self) -> str:
        """The id of the function in the host's blobs, queue messages and webhooks."""
        return f"Host.Functions.{self.name}"

    @property
    def results(self) -> tuple[BoundParameter, ...]:
        """The values that an invocation produces: the return value, if it is bound, and the outputs."""
        return self.outputs if self.returns is None else (self.returns, *self.outputs)

    @property
    def bindings(self) -> list[Mapping[str, Any]]:
        """All bindings. The trigger comes first."""
        return [parameter.binding for parameter in (self.trigger, *self.results)]
