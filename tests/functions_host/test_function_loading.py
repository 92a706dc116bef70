"""Names, routes and the setting that disables functions: what is left out, and what stops the whole host."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from functions_host.function_loading import is_function_disabled
from functions_host.job_host import JobHost
from tests.functions_host.conftest import Hosts
from tests.functions_host.storage_account import StorageAccount, until

APP = """
import azure.functions as func
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

def add(name, route, methods=None):
    def call(req: func.HttpRequest) -> str:
        return name
    call.__name__ = "call"
    app.function_name(name)(app.route(route=route, methods=methods)(call))

add("fine", "fine")

@app.queue_trigger(arg_name="msg", queue_name="work-in", connection="AzureWebJobsStorage")
@app.queue_output(arg_name="$return", queue_name="work-out", connection="AzureWebJobsStorage")
def copies(msg: func.QueueMessage) -> str:
    return msg.get_body().decode()
"""


class Calls:
    """A host, and shorthands for requests to it."""

    def __init__(self, host: JobHost, http: aiohttp.ClientSession) -> None:
        self.host, self.http = host, http

    async def get(self, path: str, **headers: str) -> tuple[int, str]:
        async with self.http.get(path, headers=headers) as answer:
            return answer.status, await answer.text()

    async def names(self) -> list[str]:
        async with self.http.get("/admin/functions") as answer:
            return [function["name"] for function in await answer.json()]

    async def errors(self, name: str) -> list[str]:
        async with self.http.get(f"/admin/functions/{name}/status") as answer:
            return list((await answer.json()).get("errors", []))


@pytest.fixture
def app_with(tmp_path: Path, running_host: Hosts):  # type: ignore[no-untyped-def]
    """Run the app with more functions."""

    @asynccontextmanager
    async def run(*lines: str, **options: object) -> AsyncIterator[Calls]:
        (tmp_path / "function_app.py").write_text(APP + "\n".join(lines))
        (tmp_path / "host.json").write_text('{"version": "2.0"}')
        async with (
            running_host(script_root=tmp_path, **options) as host,
            aiohttp.ClientSession(host.url) as http,
        ):
            yield Calls(host, http)

    return run


@pytest.mark.parametrize(
    "name", ["1st", "bad name!", "host", "x" * 129, "\N{LATIN SMALL LETTER E WITH ACUTE}t"]
)
async def test_a_function_with_an_invalid_name_is_left_out_and_not_listed(app_with, name: str) -> None:  # type: ignore[no-untyped-def]
    async with app_with(f'add("{name}", "odd")') as calls:
        assert await calls.get("/api/odd") == (404, "")
        assert await calls.get("/api/fine") == (200, "fine")
        assert await calls.names() == ["copies", "fine"]
        assert "valid" in (await calls.errors(name))[0]


@pytest.mark.parametrize("route", ["admin/x", "Administer", "/runtime", "runtime/webhooks/x"])
async def test_a_function_with_a_reserved_route_is_left_out(app_with, route: str) -> None:  # type: ignore[no-untyped-def]
    async with app_with(f'add("odd", "{route}")') as calls:
        assert (await calls.get(f"/api/{route.strip('/')}"))[0] == 404
        assert await calls.get("/api/fine") == (200, "fine")
        assert await calls.names() == ["copies", "fine", "odd"]
        assert "own routes" in (await calls.errors("odd"))[0]
        assert await calls.errors("fine") == []


async def test_of_functions_with_the_same_route_and_method_the_first_by_name_is_kept(app_with) -> None:  # type: ignore[no-untyped-def]
    async with app_with(
        'add("z_all", "same/{id}", ["GET", "PUT"])',
        'add("a_get", "/Same/{id}/".strip("/"), ["GET"])',
        'add("m_delete", "same/{id}", ["DELETE"])',
    ) as calls:
        assert await calls.get("/api/same/1") == (200, "a_get")
        async with calls.http.put("/api/same/1") as answer:
            assert answer.status == 404, "the whole function is lost, its other methods too"
        async with calls.http.delete("/api/same/1") as answer:
            assert await answer.text() == "m_delete"
        assert "'a_get'" in (await calls.errors("z_all"))[0]


@pytest.mark.parametrize(
    "line",
    [
        'add("odd", "bad/{x")',
        'add("odd", "bad/{x:nonsense}")',
        'add("odd", "bad//x")',
        'add("FINE", "other")',
    ],
)
async def test_a_bad_route_or_a_name_that_differs_in_case_only_stops_the_host(  # type: ignore[no-untyped-def]
    app_with, storage: StorageAccount, line: str
) -> None:
    await storage.send("work-in", "hello")
    async with app_with(line) as calls:
        assert (await calls.get("/api/fine"))[0] == 503
        assert (await calls.get("/api/nothing"))[0] == 503
        async with calls.http.get("/admin/host/status") as answer:
            status = await answer.json()
        assert status["state"] == "Error"
        assert len(status["errors"]) == 1
        assert "fine" in (name.lower() for name in await calls.names())
    assert await storage.count("work-in") == 1, "no listener has run"


async def test_functions_without_a_route_or_with_an_empty_one_answer_at_their_names(app_with) -> None:  # type: ignore[no-untyped-def]
    async with app_with('add("none", None)', 'add("empty", "")', 'add("blank", " ")') as calls:
        for name in ("none", "empty", "blank"):
            assert await calls.get(f"/api/{name}") == (200, name)
        assert (await calls.get("/api"))[0] == 404


async def test_a_disabled_http_function_answers_only_with_the_master_key(  # type: ignore[no-untyped-def]
    app_with, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AzureWebJobs.fine.Disabled", "true")
    async with app_with(enable_auth=True) as calls:
        assert await calls.get("/api/fine") == (404, "")
        key = {"x-functions-key": calls.host.keys.master}
        assert await calls.get("/api/fine", **key) == (200, "fine")
        async with calls.http.get("/admin/functions/fine", headers=key) as answer:
            assert (await answer.json())["isDisabled"] is True


async def test_a_disabled_queue_function_does_not_listen_but_can_be_called_by_hand(  # type: ignore[no-untyped-def]
    app_with, monkeypatch: pytest.MonkeyPatch, storage: StorageAccount
) -> None:
    monkeypatch.setenv("AzureWebJobs_copies_Disabled", "1")
    await storage.send("work-in", "hello")
    async with app_with() as calls:
        async with calls.http.post("/admin/functions/copies", json={"Input": "by hand"}) as answer:
            assert answer.status == 202
        assert await until(lambda: storage.peek("work-out")) == ["YnkgaGFuZA=="]
        assert await storage.count("work-in") == 1


@pytest.mark.parametrize(
    ("setting", "value", "disabled"),
    [
        ("AzureWebJobs.f.Disabled", "true", True),
        ("azurewebjobs.F.disabled", "TRUE", True),
        ("AzureWebJobs_f_Disabled", "1", True),
        ("AzureWebJobs.f.Disabled", "false", False),
        ("AzureWebJobs.f.Disabled", "yes", False),
        ("AzureWebJobs.g.Disabled", "true", False),
    ],
)
def test_a_setting_disables_a_function(setting: str, value: str, disabled: bool) -> None:
    assert is_function_disabled("f", {setting: value}) is disabled
