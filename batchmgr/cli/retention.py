"""`batchmgr retention`: shows what of old jobs is due to go, or lets go of it now."""

import asyncio
import json
import logging
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Annotated, Literal

from batchmgr.cli import INTERRUPTED
from batchmgr.cli.arguments import SettingsFile, option
from batchmgr.cli.stop_signals import run_until_signal
from batchmgr.doctor.read_settings import read_settings
from batchmgr.settings import Settings
from batchmgr.usecases.repair_list import repair_list
from batchmgr.usecases.retain import DueItem, find_due, retain


def run(
    settings_file: SettingsFile = None,
    output: Annotated[
        Literal["text", "jsonl"],
        option("-o", "--output", text="what is printed: text (the default), or one JSON a line"),
    ] = "text",
    delete: Annotated[
        bool, option("--delete", text="do one run, as the app does each night, and print what is left")
    ] = False,
) -> int:
    """Print what is due, and why. Return 0."""
    found = read_settings(os.environ, settings_file)
    os.environ.update(found.environment)  # a setting may name the certificates to trust
    settings = Settings.from_environment(found.environment)
    return asyncio.run(
        run_until_signal(_retain(settings, delete=delete, as_json=output == "jsonl"), interrupted=INTERRUPTED)
    )


async def _retain(settings: Settings, *, delete: bool, as_json: bool) -> int:
    from batchmgr.bootstrap import open_ports  # it imports the clients of Azure

    logging.getLogger("azure").setLevel(logging.CRITICAL)
    async with open_ports(settings) as ports:
        if delete:
            logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
            await retain(ports)
            await repair_list(ports)
        count = await _print(find_due(ports), as_json=as_json)
    if not as_json:
        print(f"{count or 'Nothing'} {'are' if count > 1 else 'is'} due to go.")
    return 0


async def _print(items: AsyncIterator[DueItem], *, as_json: bool) -> int:
    count = 0
    async for item in items:
        count += 1
        print(json.dumps(asdict(item)) if as_json else f"{item.what:<14}{item.name}  {item.why}")
    return count
