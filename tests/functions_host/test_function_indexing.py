"""Apps are indexed as by the Python worker: one bad function fails the whole app."""

from pathlib import Path

import aiohttp
import pytest

from functions_host.binding_expressions import resolve_bindings
from functions_host.errors import ConfigurationError, IndexingError
from functions_host.function_indexing import index_app
from tests.functions_host.conftest import SAMPLE_APP, Hosts
from tests.functions_host.storage_account import StorageAccount

HEADER = "import azure.functions as func\napp = func.FunctionApp()\n"
QUEUE = '@app.queue_trigger(arg_name="msg", queue_name="{}", connection="Storage")\n'


def write_app(directory: Path, *functions: str) -> Path:
    (directory / "function_app.py").write_text(HEADER + "\n".join(functions))
    (directory / "host.json").write_text('{"version": "2.0"}')
    return directory


def test_a_function_is_described_by_its_bindings() -> None:
    functions = {function.name: function for function in index_app(SAMPLE_APP)}
    echo, fan_out, double = functions["echo"], functions["fan_out"], functions["double"]
    assert echo.id == "Host.Functions.echo"
    assert echo.is_async
    assert echo.trigger.binding["route"] == "echo/{id:int?}"
    assert echo.trigger.binding["methods"] == ["GET", "POST"]
    assert echo.trigger.binding["authLevel"] == "FUNCTION"
    assert [output.name for output in fan_out.outputs] == ["out"]
    assert not fan_out.is_async
    assert double.returns is not None
    assert double.returns.binding["type"] == "queue"
    assert functions["shows_context"].takes_context


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (
            QUEUE.format("q") + "def bad(other: func.QueueMessage) -> None: ...",
            r"differ in \['msg', 'other'\]",
        ),
        (QUEUE.format("q") + "def bad(msg: func.HttpRequest) -> None: ...", "'queueTrigger'"),
        (QUEUE.format("q") + "def bad(msg: func.Out[str]) -> None: ...", "direction IN"),
        ('@app.route("x")\ndef bad(req: func.HttpRequest) -> dict: ...', "return value is bound to 'http'"),
        (
            '@app.route("x")\ndef bad(req: func.HttpRequest) -> str | None: ...',
            "return value is bound to 'http'",
        ),
        (
            QUEUE.format("q") + "def bad(msg: func.QueueMessage, context: str) -> None: ...",
            "'context' must be of the type",
        ),
        ("def bad(:", "SyntaxError"),
        ("raise RuntimeError('at import')", "at import"),
        ("other = func.FunctionApp()", "one function app, found 2"),
    ],
)
def test_one_bad_function_fails_the_whole_app(tmp_path: Path, bad: str, message: str) -> None:
    good = QUEUE.format("q") + "def good(msg: func.QueueMessage) -> None: ..."
    with pytest.raises(IndexingError, match=message):
        index_app(write_app(tmp_path, good, bad))


def test_two_functions_of_one_name_fail_the_app(tmp_path: Path) -> None:
    twice = QUEUE.format("q") + "def twin(msg: func.QueueMessage) -> None: ..."
    with pytest.raises(IndexingError, match="unique"):
        index_app(write_app(tmp_path, twice, twice))


def test_a_directory_without_an_app_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(IndexingError, match=r"function_app\.py is missing"):
        index_app(tmp_path)


def test_an_output_that_is_not_supported_is_an_error(tmp_path: Path) -> None:
    output = '@app.table_output(arg_name="$return", table_name="t", connection="Storage")\n'
    (function,) = index_app(write_app(tmp_path, QUEUE.format("q") + output + "def bad(msg: str) -> str: ..."))
    with pytest.raises(ConfigurationError, match="'table'"):
        resolve_bindings(function, {})


async def test_a_setting_that_is_missing_fails_its_function_and_no_other(
    tmp_path: Path, running_host: Hosts, storage: StorageAccount
) -> None:
    write_app(
        tmp_path,
        QUEUE.format("%NOWHERE%") + "def unresolved(msg: func.QueueMessage) -> None: ...",
        QUEUE.replace("Storage", "Elsewhere").format("queue") + "def unconnected(msg: str) -> None: ...",
        '@app.timer_trigger(arg_name="t", schedule="never")\ndef never(t: func.TimerRequest) -> None: ...',
        '@app.event_hub_message_trigger(arg_name="e", event_hub_name="h", connection="c")\n'
        "def hub(e: func.EventHubEvent) -> None: ...",
        '@app.route("fine")\ndef fine(req: func.HttpRequest) -> str:\n    return "fine"',
    )
    async with running_host(script_root=tmp_path) as host, aiohttp.ClientSession(host.url) as http:
        async with http.get("/api/fine") as answer:
            assert await answer.text() == "fine"
        async with http.get("/admin/host/status") as answer:
            assert "errors" not in await answer.json(), "it is the functions that are in error, not the host"
        for name, error in {
            "unresolved": "%NOWHERE%",
            "unconnected": "Elsewhere",
            "never": "never",
            "hub": "eventHubTrigger",
        }.items():
            async with http.get(f"/admin/functions/{name}/status") as answer:
                (found,) = (await answer.json())["errors"]
            assert error in found
        async with http.get("/admin/functions/fine/status") as answer:
            assert await answer.json() == {}
        async with http.get("/admin/functions") as answer:
            assert len(await answer.json()) == 5, "functions in error are listed too"
