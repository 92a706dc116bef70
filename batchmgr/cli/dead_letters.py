"""`batchmgr dead-letters`: lists what an app has given up or could not use, the newest first."""

import argparse
import json

from batchmgr.cli.app_client import add_app_arguments, call_app


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_app_arguments(parser)
    parser.add_argument("--limit", type=int, default=50, help="how many to list, 1 to 500 (default: 50)")
    parser.add_argument("--json", action="store_true", help="print the answer of the app, a JSON object")


def run(args: argparse.Namespace) -> int:
    """List the dead letters. Return 0."""
    page = call_app(args, "GET", f"/dead-letters?limit={args.limit}")
    if args.json:
        print(json.dumps(page, indent=2))
        return 0
    for letter in page["deadLetters"]:
        print(_line(letter))
    if not page["deadLetters"]:
        print("There are no dead letters.")
    elif "nextLink" in page:
        print("There are more: give a higher --limit, or read the pages of GET /api/dead-letters.")
    return 0


def _line(letter: dict[str, str]) -> str:
    """Return one line of the list: when, what, and why."""
    if letter["kind"] == "callback":
        what = f"the callback of job {letter['jobId']} to {letter['receiver']}"
    else:
        what = f"message {letter['messageId']} in {letter['queue']}"
    return f"{letter['time']}  {what}: {letter['reason']}"
