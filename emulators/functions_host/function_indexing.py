"""The functions of an app: function_app.py imported, and each function checked as the worker does."""

import importlib.util
import inspect
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, get_args, get_origin, get_type_hints

import azure.functions as func

from functions_host.binding_converters import accepts_input, accepts_output
from functions_host.errors import IndexingError

RETURN = "$return"
"""The name of the binding that takes what a function returns."""

_MODULE = "function_app"


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A bound parameter of a function, or its return value."""

    name: str
    binding: Mapping[str, Any]
    """The binding as function.json has it: `type`, `direction`, and what belongs to the type."""
    converter: str
    """The binding type whose converter is used; `generic` for parameters annotated with str or bytes."""
    annotation: Any = None
    """The Python type that the function asks for, or None."""


@dataclass(frozen=True, kw_only=True)
class Function:
    """One function of the app, ready to be listened for and invoked."""

    name: str
    call: Callable[..., Any]
    is_async: bool
    directory: Path
    trigger: Parameter
    outputs: tuple[Parameter, ...]
    """The parameters of type `Out`, without the return value."""
    returns: Parameter | None
    takes_context: bool

    @property
    def id(self) -> str:
        """The name that the host's blobs, queues and webhooks use."""
        return f"Host.Functions.{self.name}"

    @property
    def results(self) -> tuple[Parameter, ...]:
        """What an invocation produces: the return value, if it is bound, and the outputs."""
        return self.outputs if self.returns is None else (self.returns, *self.outputs)

    @property
    def bindings(self) -> list[Mapping[str, Any]]:
        """All bindings, the trigger first."""
        return [parameter.binding for parameter in (self.trigger, *self.results)]


def index_app(script_root: Path) -> list[Function]:
    """Import function_app.py in `script_root` and return its functions.

    Raises IndexingError when any of them is wrong: one bad function fails the whole app.
    """
    try:
        module = _import_app(script_root)
        return [_index(function, script_root) for function in _app_of(module).get_functions()]
    except IndexingError:
        raise
    except Exception as error:
        raise IndexingError(f"{script_root / _MODULE}.py: {type(error).__name__}: {error}") from error


def _import_app(script_root: Path) -> ModuleType:
    path = script_root / f"{_MODULE}.py"
    if not path.exists():
        raise IndexingError(f"{path} is missing")
    if (root := str(script_root)) not in sys.path:
        sys.path.insert(0, root)
    spec = importlib.util.spec_from_file_location(_MODULE, path)
    if spec is None or spec.loader is None:
        raise IndexingError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    # An app may be indexed once only, so every host executes it anew.
    sys.modules[_MODULE] = module
    spec.loader.exec_module(module)
    return module


def _app_of(module: ModuleType) -> func.FunctionRegister:
    apps = [value for value in vars(module).values() if isinstance(value, func.FunctionRegister)]
    if len(apps) != 1:
        raise IndexingError(f"{module.__file__} must define one function app, found {len(apps)}")
    return apps[0]


def _index(function: func.Function, script_root: Path) -> Function:
    name = str(function.get_function_name())
    call = function.get_user_function()
    bindings = {binding["name"]: binding for binding in map(json.loads, function.get_raw_bindings())}
    annotations = get_type_hints(call)
    declared = set(inspect.signature(call).parameters)
    takes_context = "context" in declared and "context" not in bindings
    if takes_context:
        declared.discard("context")
    if declared != set(bindings) - {RETURN}:
        odd = sorted(declared ^ (set(bindings) - {RETURN}))
        raise IndexingError(f"cannot load the {name} function: parameters and bindings differ in {odd}")
    parameters = [
        _parameter(name, binding, annotations.get(bound))
        for bound, binding in bindings.items()
        if bound != RETURN
    ]
    inputs = [parameter for parameter in parameters if parameter.binding["direction"] == "IN"]
    if len(inputs) != 1:
        raise IndexingError(f"cannot load the {name} function: input bindings are not supported here")
    return Function(
        name=name,
        call=call,
        is_async=inspect.iscoroutinefunction(call),
        directory=script_root,
        trigger=inputs[0],
        outputs=tuple(parameter for parameter in parameters if parameter.binding["direction"] == "OUT"),
        returns=_returns(name, bindings.get(RETURN), annotations),
        takes_context=takes_context,
    )


def _parameter(function: str, binding: Mapping[str, Any], annotation: Any) -> Parameter:
    name, is_out = binding["name"], get_origin(annotation) is func.Out
    if annotation is not None and is_out != (binding["direction"] == "OUT"):
        raise IndexingError(
            f"cannot load the {function} function: {name!r} has direction {binding['direction']}, "
            f"but is annotated {annotation!r}"
        )
    wanted = get_args(annotation)[0] if is_out else annotation
    converter = "generic" if wanted in (str, bytes) else binding["type"]
    accepts = accepts_output if is_out else accepts_input
    if wanted is not None and not accepts(converter, wanted):
        raise IndexingError(
            f"cannot load the {function} function: {name!r} is bound to {binding['type']!r}, "
            f"but is annotated {annotation!r}"
        )
    return Parameter(name=name, binding=binding, converter=converter, annotation=wanted)


def _returns(
    function: str, binding: Mapping[str, Any] | None, annotations: Mapping[str, Any]
) -> Parameter | None:
    if binding is None:
        return None
    converter, wanted = binding["type"], annotations.get("return")
    # Unions and generic types don't pass either: the worker wants one class.
    if "return" in annotations and not (isinstance(wanted, type) and accepts_output(converter, wanted)):
        raise IndexingError(
            f"cannot load the {function} function: its return value is bound to {converter!r}, "
            f"but is annotated {wanted!r}"
        )
    return Parameter(name=RETURN, binding=binding, converter=converter, annotation=wanted)
