"""`batchmgr doctor`: looks at the surroundings of an app, and says what is wrong and what mends it."""

import argparse
import asyncio
import logging
import os
import sys
from pathlib import Path

from batchmgr.cli import INTERRUPTED
from batchmgr.cli.stop_signals import run_until_signal
from batchmgr.doctor.read_settings import FoundSettings, read_settings
from batchmgr.errors import SettingsError

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
    parser.add_argument("--json", action="store_true", help="print one JSON object with all findings")


def run(args: argparse.Namespace) -> int:
    """Print the findings. Return 0 if nothing is wrong, 1 if something is, 2 if the command can't look."""
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
    from batchmgr.doctor.finding import is_wrong
    from batchmgr.doctor.report import as_json, as_text

    for name in ("azure", "batchmgr"):  # what they would log is among the findings
        logging.getLogger(name).setLevel(logging.CRITICAL)
    findings = await examine_settings(found)
    print(as_json(findings) if args.json else as_text(findings))
    return 1 if is_wrong(findings) else 0
