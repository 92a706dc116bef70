"""The command with an app's resource id, from the command line to Azure Resource Manager."""

import asyncio
import json
import logging
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import azure.identity.aio
import pytest

from batchmgr.cli import main
from batchmgr.doctor import resource_manager
from tests.doctor.azure import APP, Azure, serving_azure
from tests.doctor.deployed_app import Developer


@pytest.fixture(autouse=True)
def levels_of_loggers() -> Iterator[None]:
    """The command sets the levels of loggers, as it has a process of its own."""
    loggers = [logging.getLogger(name) for name in ("azure", "batchmgr")]
    before = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, before, strict=True):
        logger.setLevel(level)


@pytest.fixture
def azure_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Azure]:
    """The stand-in, served from a thread, because the command has its own event loop."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    context = serving_azure(tmp_path, Azure(settings={}, storage="mystore"))
    served = asyncio.run_coroutine_threadsafe(context.__aenter__(), loop).result()
    opened = partial(
        resource_manager.open_resource_manager,
        endpoint=f"https://{served.host}",
        connection_verify=str(served.certificate),
    )
    monkeypatch.setattr(resource_manager, "open_resource_manager", opened)
    monkeypatch.setattr(azure.identity.aio, "DefaultAzureCredential", Developer)
    yield served
    asyncio.run_coroutine_threadsafe(context.__aexit__(None, None, None), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def test_the_resource_id_leads_to_the_app(azure_here: Azure, capsys: pytest.CaptureFixture[str]) -> None:
    azure_here.resources[APP]["properties"]["state"] = "Stopped"
    azure_here.settings |= {"AzureWebJobsStorage": "x", "BATCHMGR_BATCH_KEY": "a2V5"}
    assert main(["doctor", "--app", APP, "-o", "json"]) == 1
    found = {one["check"]: one for one in json.loads(capsys.readouterr().out)["findings"]}
    assert found["app"]["status"] == "wrong"
    assert found["app"]["remedy"] == f"Start it:\n    az functionapp start --ids {APP}"
    assert found["health"]["what"] == "not looked at, because the app does not run"
    assert found["functions"]["status"] == "fine"
    assert azure_here.calls[0] == f"GET {APP}"
