"""Tests which Functions host starts, and how. `func` is a script that takes Core Tools' arguments."""

import os
import sys
from pathlib import Path

import aiohttp
import pytest

from batchmgr.devstack.child_processes import ChildProcesses
from batchmgr.devstack.functions_host_process import HostKind, default_host_kind, start_functions_host
from batchmgr.errors import StackError
from tests.devstack.liveness import is_alive

APP = """
import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route="hello")
async def hello(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("hello")
"""
CORE_TOOLS = f"""#!/bin/sh
[ "$1 $2" = "start --port" ] || {{ echo "unexpected: $*" >&2; exit 9; }}
exec {sys.executable} -m functions_host --port "$3"
"""


@pytest.fixture
def app(tmp_path: Path) -> Path:
    (tmp_path / "function_app.py").write_text(APP)
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    return tmp_path


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory that comes first on the PATH."""
    directory = tmp_path / "tools"
    directory.mkdir()
    monkeypatch.setenv("PATH", f"{directory}{os.pathsep}{os.environ['PATH']}")
    return directory


def install(tools: Path, script: str) -> None:
    (tools / "func").write_text(script)
    (tools / "func").chmod(0o755)


async def hello(processes: ChildProcesses, kind: HostKind, app: Path) -> str:
    _, url = await start_functions_host(processes, kind, project=app, environment=os.environ, port=0)
    async with aiohttp.ClientSession() as session, session.get(f"{url}/api/hello") as answer:
        return await answer.text()


async def test_the_embedded_host_serves_the_app(processes: ChildProcesses, app: Path) -> None:
    assert await hello(processes, "embedded", app) == "hello"


async def test_core_tools_serve_the_app_where_they_are_asked_for(
    processes: ChildProcesses, app: Path, tools: Path
) -> None:
    install(tools, CORE_TOOLS)
    assert await hello(processes, "func", app) == "hello"


async def test_another_app_on_the_pythonpath_is_named_because_core_tools_import_that_one(
    processes: ChildProcesses, app: Path, tools: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    install(tools, CORE_TOOLS)
    other = tmp_path / "other" / "function_app.py"
    other.parent.mkdir()
    other.touch()
    paths = os.pathsep.join((str(app), str(other.parent), os.environ.get("PYTHONPATH", "")))
    environment = os.environ | {"PYTHONPATH": paths}
    await start_functions_host(processes, "func", project=app, environment=environment, port=0)
    assert f"Core Tools import {other}, not {app / 'function_app.py'}" in caplog.text
    assert f"Core Tools import {app / 'function_app.py'}" not in caplog.text


async def test_the_worker_of_core_tools_ends_with_them(
    processes: ChildProcesses, app: Path, tools: Path, tmp_path: Path
) -> None:
    worker = tmp_path / "worker"
    install(
        tools, CORE_TOOLS.replace("exec", f"setsid sh -c 'echo $$ >{worker}; sleep 60; sleep 60' &\nexec")
    )
    host, _ = await start_functions_host(processes, "func", project=app, environment=os.environ, port=0)
    assert is_alive(int(worker.read_text()))
    await host.kill()
    assert not is_alive(int(worker.read_text()))


async def test_core_tools_that_fail_to_start_are_reported_with_their_log(
    processes: ChildProcesses, app: Path, tools: Path
) -> None:
    install(tools, "#!/bin/sh\necho 'no job functions found' >&2\nexit 1\n")
    with pytest.raises(StackError, match="no job functions found"):
        await hello(processes, "func", app)


async def test_an_app_that_cannot_be_loaded_is_reported_with_its_log(
    processes: ChildProcesses, app: Path
) -> None:
    (app / "function_app.py").write_text("raise RuntimeError('broken on purpose')")
    with pytest.raises(StackError, match="broken on purpose"):
        await hello(processes, "embedded", app)


async def test_an_app_whose_host_json_is_invalid_is_reported_with_its_log(
    processes: ChildProcesses, app: Path
) -> None:
    (app / "host.json").write_text('{"version": "1.0"}')
    with pytest.raises(StackError, match="version"):
        await hello(processes, "embedded", app)


def test_core_tools_are_taken_where_they_are_installed(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tools))
    assert default_host_kind() == "embedded"
    install(tools, CORE_TOOLS)
    assert default_host_kind() == "func"


async def test_core_tools_that_are_missing_are_named(
    processes: ChildProcesses, app: Path, tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tools))
    with pytest.raises(StackError, match="--host embedded"):
        await hello(processes, "func", app)
