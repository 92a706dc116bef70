"""The function app as the azure-functions library shows it, and its handlers on other ports."""

import json
import runpy
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import azure.functions as func

from batchmgr.functions import blueprints
from batchmgr.ports import Ports
from batchmgr.runtime import Runtime
from batchmgr.settings import Settings

ROOT = Path(__file__).parents[2]
FUNCTION_APP = ROOT / "function_app.py"

Binding = dict[str, Any]
Handler = Callable[..., Awaitable[Any]]


class ReadyRuntime(Runtime):
    """A runtime that has its ports from the start, such as those of a world of fakes."""

    def __init__(self, ports: Ports) -> None:
        super().__init__(Settings())
        self._ports = ports

    async def ports(self) -> Ports:
        return self._ports


def load_app() -> dict[str, func.Function]:
    """Execute function_app.py with the environment as it is; its functions by name."""
    app: func.FunctionApp = runpy.run_path(str(FUNCTION_APP))["app"]
    return _by_name(app)


def handlers(runtime: Runtime) -> dict[str, Handler]:
    """The functions of the app on another runtime, to be called directly."""
    app = func.FunctionApp()
    for blueprint in blueprints(runtime):
        app.register_functions(blueprint)
    return {name: function.get_user_function() for name, function in _by_name(app).items()}


def bindings(function: func.Function) -> list[Binding]:
    """What the host is told of a function, as JSON: the trigger first, then `$return`."""
    found: list[Binding] = [json.loads(raw) for raw in function.get_raw_bindings()]
    return sorted(found, key=lambda binding: str(binding["direction"]))


def _by_name(app: func.FunctionApp) -> dict[str, func.Function]:
    return {str(function.get_function_name()): function for function in app.get_functions()}


def http_routes() -> dict[str, tuple[str, str]]:
    """The method and the route of each HTTP function, by its name."""
    app = func.FunctionApp()
    for blueprint in blueprints(Runtime(Settings())):
        app.register_functions(blueprint)
    triggers = {name: bindings(function)[0] for name, function in _by_name(app).items()}
    return {
        name: (trigger["methods"][0], trigger["route"])
        for name, trigger in triggers.items()
        if trigger["type"] == "httpTrigger"
    }
