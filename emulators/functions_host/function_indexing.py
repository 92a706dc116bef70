"""Indexes an app: imports function_app.py and checks each function as the Python worker does."""

import importlib.util
import inspect
import json
import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, get_args, get_origin, get_type_hints

import azure.functions as func

from functions_host.binding_converters import accepts_input, accepts_output
from functions_host.errors import IndexingError
from functions_host.function_metadata import RETURN, BoundParameter, Function

_MODULE = "function_app"

_log = logging.getLogger(__name__)


def index_app(script_root: Path) -> list[Function]:
    """Import function_app.py in `script_root` and return its functions.

    Raises IndexingError if any function is invalid: one bad function fails the whole app.
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
    _warn_of_other(path)
    if (root := str(script_root)) not in sys.path:
        sys.path.insert(0, root)
    spec = importlib.util.spec_from_file_location(_MODULE, path)
    if spec is None or spec.loader is None:
        raise IndexingError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    # The library indexes an app object only once, so each host executes the module again.
    sys.modules[_MODULE] = module
    spec.loader.exec_module(module)
    return module


def _warn_of_other(path: Path) -> None:
    """Warn if the real Python worker would import another app, because PYTHONPATH comes first there."""
    for directory in os.environ.get("PYTHONPATH", "").split(os.pathsep):
        other = Path(directory) / path.name
        if directory and other.exists() and not other.samefile(path):
            _log.warning("PYTHONPATH has another app: the real host would import %s, not %s", other, path)


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
        if getattr(annotations.get("context", func.Context), "__name__", "") != "Context":
            raise IndexingError(
                f"cannot load the {name} function: 'context' must be of the type func.Context"
            )
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
        raise IndexingError(
            f"cannot load the {name} function: it must have one trigger and no input bindings"
        )
    return Function(
        name=name,
        call=call,
        is_async=inspect.iscoroutinefunction(call),
        directory=script_root,
        trigger=inputs[0],
        outputs=tuple(parameter for parameter in parameters if parameter.binding["direction"] == "OUT"),
        returns=_returns(name, bindings.get(RETURN), annotations),
        takes_context=takes_context,
        entry_point=getattr(call, "__name__", name),
    )


def _parameter(function: str, binding: Mapping[str, Any], annotation: Any) -> BoundParameter:
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
    return BoundParameter(name=name, binding=binding, converter=converter, annotation=wanted)


def _returns(
    function: str, binding: Mapping[str, Any] | None, annotations: Mapping[str, Any]
) -> BoundParameter | None:
    if binding is None:
        return None
    converter, wanted = binding["type"], annotations.get("return")
    # The worker accepts only a class here, so unions and generic types fail too.
    if "return" in annotations and not (isinstance(wanted, type) and accepts_output(converter, wanted)):
        raise IndexingError(
            f"cannot load the {function} function: its return value is bound to {converter!r}, "
            f"but is annotated {wanted!r}"
        )
    return BoundParameter(name=RETURN, binding=binding, converter=converter, annotation=wanted)
