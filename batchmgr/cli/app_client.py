"""Calls the HTTP API of an app: for the commands that ask a running app for something."""

import argparse
import json
import os
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from batchmgr.errors import ServiceBusyError, ServiceRefusedError

LOCAL = "http://127.0.0.1:7071"
TIMEOUT_S = 120
"""Longer than the app works on one request."""


def add_app_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which app is called, and by which key."""
    parser.add_argument(
        "--url",
        default=os.environ.get("BATCHMGR_URL") or LOCAL,
        help=f"the address of the app (default: the variable BATCHMGR_URL, or else the local stack, {LOCAL})",
    )
    parser.add_argument(
        "--key",
        default=os.environ.get("BATCHMGR_FUNCTION_KEY", ""),
        help="a function key of the app (default: the variable BATCHMGR_FUNCTION_KEY, which others on this "
        "machine don't see)",
    )


def call_app(args: argparse.Namespace, method: str, path: str) -> dict[str, Any]:
    """Return the JSON object that the app answers, below `/api`.

    Raise ServiceError, with the app's own words, for any other answer.
    """
    address = f"{str(args.url).rstrip('/')}/api{path}"
    if urlsplit(address).scheme not in {"http", "https"}:
        raise ServiceRefusedError(f"--url {args.url!r} is no http or https address")
    headers = {"x-functions-key": args.key} if args.key else {}
    request = Request(address, method=method, headers=headers, data=b"" if method == "POST" else None)  # noqa: S310
    try:
        with urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
            found = json.loads(answer.read())
    except HTTPError as error:
        raise ServiceRefusedError(_reason(error), status=error.code) from error
    except (URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        raise ServiceBusyError(f"the app at {args.url} can't be reached: {reason}") from error
    except ValueError as error:
        raise ServiceRefusedError(f"{address} does not answer as batchmgr does: is --url right?") from error
    if not isinstance(found, dict):
        raise ServiceRefusedError(f"{address} does not answer as batchmgr does: is --url right?")
    return found


def _reason(error: HTTPError) -> str:
    """Return why the app has refused a request."""
    try:
        detail = json.loads(error.read())["detail"]
    except (ValueError, TypeError, KeyError):
        detail = "give a function key of the app with --key" if error.code == 401 else error.reason
    return f"{detail} (status {error.code})"
