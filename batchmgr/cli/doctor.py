"""`batchmgr doctor`: looks at the surroundings of an app, and says what is wrong and what mends it."""

import argparse
import asyncio
import logging
import os
import re
import sys
from pathlib import Path

from batchmgr.cli import INTERRUPTED
from batchmgr.cli.stop_signals import run_until_signal
from batchmgr.doctor.finding import Finding, is_wrong
from batchmgr.doctor.read_settings import FoundSettings, read_settings
from batchmgr.doctor.report import as_json, as_text
from batchmgr.errors import SettingsError

_APP_ID = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.Web/sites/[^/]+", re.IGNORECASE
)
UNUSABLE = 2
"""The exit code of a command that can't look: what it was given can't be used."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    place = parser.add_mutually_exclusive_group()
    place.add_argument(
        "--settings",
        type=Path,
        metavar="FILE",
        help="the settings file; variables of the environment take precedence "
        "(default: local.settings.json, if it is here)",
    )
    place.add_argument(
        "--app",
        metavar="RESOURCE_ID",
        type=_app_id,
        help="an app in Azure, by its resource id: its settings, roles, functions and accounts are looked at "
        "with your sign-in (az login)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object with all findings")


def run(args: argparse.Namespace) -> int:
    """Print the findings. Return 0 if nothing is wrong, 1 if something is, 2 if the command can't look."""
    if args.app:
        return asyncio.run(run_until_signal(_examine_app(args), interrupted=INTERRUPTED))
    try:
        found = read_settings(os.environ, args.settings)
    except SettingsError as error:
        print(f"batchmgr doctor: {error}", file=sys.stderr)
        return UNUSABLE
    # As `func start` does. A setting may name the certificates to trust: so this comes before any import.
    os.environ.update(found.environment)
    return asyncio.run(run_until_signal(_examine(args, found), interrupted=INTERRUPTED))


async def _examine(args: argparse.Namespace, found: FoundSettings) -> int:
    from batchmgr.doctor.examine import examine_settings

    _be_quiet()
    return _report(args, await examine_settings(found))


async def _examine_app(args: argparse.Namespace) -> int:
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
        return _report(args, await examine_app(arm, http, args.app))


def _be_quiet() -> None:
    """Log nothing: what would be logged is among the findings."""
    for name in ("azure", "batchmgr"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _report(args: argparse.Namespace, findings: list[Finding]) -> int:
    print(as_json(findings) if args.json else as_text(findings))
    return 1 if is_wrong(findings) else 0


def _app_id(text: str) -> str:
    """Return the argument if it is the resource id of an app."""
    if not _APP_ID.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a resource id of an app: "
            "/subscriptions/…/resourceGroups/…/providers/Microsoft.Web/sites/…"
        )
    return text
