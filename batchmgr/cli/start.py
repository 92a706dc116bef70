"""`batchmgr start`: runs the whole stack on this machine until Ctrl-C."""

import argparse
import asyncio
import sys
from pathlib import Path
from typing import get_args
from zipfile import is_zipfile

from batchmgr.cli.stop_signals import run_until_signal
from batchmgr.devstack.endpoints import Endpoints
from batchmgr.devstack.identity_process import IdentityEndpoints
from batchmgr.devstack.stack import NodeAccess, StackOptions, running_stack


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "--functions-port",
        type=int,
        default=7071,
        metavar="PORT",
        help="port of the Functions host (default 7071; 0: any free port)",
    )
    parser.add_argument(
        "--batch-port",
        type=int,
        default=10100,
        metavar="PORT",
        help="port of the fake Azure Batch (default 10100; 0: any free port)",
    )
    parser.add_argument(
        "--blob-port",
        type=int,
        default=10000,
        metavar="PORT",
        help="port of Azurite's blobs (default 10000; 0: any free port)",
    )
    parser.add_argument(
        "--queue-port",
        type=int,
        default=10001,
        metavar="PORT",
        help="port of Azurite's queues (default 10001; 0: any free port)",
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="keep all data in this directory for the next start (default: delete it at the end)",
    )
    parser.add_argument(
        "--application",
        type=_application,
        action="append",
        default=[],
        metavar="ID=VERSION=ZIPFILE[,default]",
        help="an application package for the nodes; add `,default` for the default version; may be repeated",
    )
    parser.add_argument(
        "--node-python",
        type=Path,
        metavar="PYTHON",
        help="the interpreter of the nodes, with all its packages (default: a bare one, as in Azure: what "
        "tasks import must be in their application packages)",
    )
    parser.add_argument(
        "--blob-source",
        choices=("EventGrid", "LogsAndContainerScan"),
        default="EventGrid",
        help="how the Functions host notices new blobs: by events, as in Azure, or by a scan "
        "(default EventGrid)",
    )
    parser.add_argument(
        "--identity",
        choices=get_args(NodeAccess),
        nargs="?",
        const="signatures",
        help="run without keys, as in Azure: the app has a managed identity, and nodes get signatures "
        "(the default) or have an identity of their own (nodes)",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="print the URLs and keys as one line of JSON when the stack is ready",
    )
    parser.add_argument(
        "--host",
        choices=("embedded", "func"),
        help="default: func if Core Tools are installed, else embedded",
    )


def run(args: argparse.Namespace) -> int:
    """Run the stack until SIGINT or SIGTERM. Return the exit code."""
    options = StackOptions(
        functions_port=args.functions_port,
        batch_port=args.batch_port,
        blob_port=args.blob_port,
        queue_port=args.queue_port,
        data=args.data,
        applications=args.application,
        node_python=args.node_python,
        blob_source=args.blob_source,
        host=args.host,
        identity=args.identity,
        patient=True,
    )
    return asyncio.run(run_until_signal(_serve(options, as_json=args.json), interrupted=0))


def _application(text: str) -> str:
    """Return the argument if its form is right and its file is a zip file."""
    archive = text.partition("=")[2].partition("=")[2]
    if not archive:
        raise argparse.ArgumentTypeError(f"{text!r} does not have the form ID=VERSION=ZIPFILE[,default]")
    if not is_zipfile(archive.removesuffix(",default")):
        raise argparse.ArgumentTypeError(f"{archive.removesuffix(',default')!r} is not a zip file")
    return text


async def _serve(options: StackOptions, *, as_json: bool) -> int:
    async with running_stack(options, report=_report) as stack:
        print(stack.endpoints.to_json() if as_json else _welcome(stack.endpoints), flush=True)
        await stack.supervise()


def _report(part: str) -> None:
    print(f"Starting {part} …", file=sys.stderr)


def _identities(identity: IdentityEndpoints | None) -> str:
    if identity is None:
        return ""
    return f"""  Identities  {identity.url}  (no keys: docs/local-identity.md)
  Trust       SSL_CERT_FILE={identity.trusted}
"""


def _welcome(endpoints: Endpoints) -> str:
    account = f"  (account {endpoints.batch_account})" if endpoints.batch_account else ""
    return f"""
batchmgr is ready.

  Functions   {endpoints.functions}/api
  Batch       {endpoints.batch}{account}
  Blobs       {endpoints.blob}
  Queues      {endpoints.queue}
{_identities(endpoints.identity)}
Send a first job and follow it:

  curl -sS {endpoints.functions}/api/jobs -H 'Content-Type: application/json' -d \\
    '{{"jobId": "first", "tasks": [{{"id": "hello", "commandLine": "echo hello"}}]}}'
  curl -sS {endpoints.functions}/api/jobs/first

Look whether everything is well:

  batchmgr doctor --settings {endpoints.settings_file}

Stop with Ctrl-C."""
