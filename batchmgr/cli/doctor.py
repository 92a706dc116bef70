"""`batchmgr doctor`: looks at the surroundings of an app, and says what is wrong and what mends it."""

import asyncio
import logging
import os
import re
import sys
from typing import Annotated

import typer

from batchmgr.cli import INTERRUPTED
from batchmgr.cli.arguments import SettingsFile, option
from batchmgr.cli.output import TextOrJson
from batchmgr.cli.stop_signals import run_until_signal
from batchmgr.doctor.finding import Finding, is_wrong
from batchmgr.doctor.read_settings import FoundSettings, read_settings
from batchmgr.doctor.report import as_json as report_json
from batchmgr.doctor.report import as_text
from batchmgr.errors import SettingsError

_APP_ID = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.Web/sites/[^/]+", re.IGNORECASE
)
UNUSABLE = 2
"""The exit code of a command that can't look: what it was given can't be used."""


def _app_id(text: str | None) -> str | None:
    """Return the argument if it is the resource id of an app."""
    if text is not None and not _APP_ID.fullmatch(text):
        raise typer.BadParameter(
            f"{text!r} is not a resource id of an app: "
            "/subscriptions/…/resourceGroups/…/providers/Microsoft.Web/sites/…"
        )
    return text


def run(
    settings_file: SettingsFile = None,
    app_id: Annotated[
        str | None,
        option(
            "--app",
            metavar="RESOURCE_ID",
            callback=_app_id,
            text="an app in Azure, by its resource id: its settings, roles, functions and accounts are "
            "looked at with your sign-in (az login)",
        ),
    ] = None,
    output: TextOrJson = "text",
) -> int:
    """Print the findings. Return 0 if nothing is wrong, 1 if something is, 2 if the command can't look."""
    as_json = output == "json"
    if app_id and settings_file:
        raise typer.BadParameter("--app and --settings do not go together: an app has settings of its own")
    if app_id:
        return asyncio.run(run_until_signal(_examine_app(app_id, as_json=as_json), interrupted=INTERRUPTED))
    try:
        found = read_settings(os.environ, settings_file)
    except SettingsError as error:
        print(f"batchmgr doctor: {error}", file=sys.stderr)
        return UNUSABLE
    # As `func start` does. A setting may name the certificates to trust: so this comes before any import.
    os.environ.update(found.environment)
    return asyncio.run(run_until_signal(_examine(found, as_json=as_json), interrupted=INTERRUPTED))


async def _examine(found: FoundSettings, *, as_json: bool) -> int:
    from batchmgr.doctor.examine import examine_settings

    _be_quiet()
    return _report(await examine_settings(found), as_json=as_json)


async def _examine_app(app_id: str, *, as_json: bool) -> int:
    import aiohttp
    from azure.identity.aio import DefaultAzureCredential

    from batchmgr.doctor import resource_manager
    from batchmgr.doctor.examine_app import examine_app

    _be_quiet()
    async with (
        DefaultAzureCredential() as credential,
        resource_manager.open_resource_manager(credential) as arm,
        aiohttp.ClientSession() as http,
    ):
        return _report(await examine_app(arm, http, app_id), as_json=as_json)


def _be_quiet() -> None:
    """Log nothing: what would be logged is among the findings."""
    for name in ("azure", "batchmgr"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _report(findings: list[Finding], *, as_json: bool) -> int:
    print(report_json(findings) if as_json else as_text(findings))
    return 1 if is_wrong(findings) else 0
