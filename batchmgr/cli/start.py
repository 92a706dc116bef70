"""`batchmgr start`: runs the whole stack on this machine until Ctrl-C."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from zipfile import is_zipfile

import typer
from typer.core import TyperCommand

from batchmgr.cli import COMMANDS
from batchmgr.cli.arguments import HELP_NAMES, option
from batchmgr.cli.stop_signals import run_until_signal
from batchmgr.devstack.endpoints import Endpoints
from batchmgr.devstack.identity_process import IdentityEndpoints
from batchmgr.devstack.stack import NodeAccess, StackOptions, running_stack


class StartCommand(TyperCommand):
    """The command, whose option `--identity` may stand without a value."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Give `--identity` its default value, where it has none."""
        given: list[str] = []
        for word, following in zip(args, [*args, ""][1:], strict=True):
            is_bare = word == "--identity" and following not in get_args(NodeAccess)
            given += [word, "signatures"] if is_bare else [word]
        return super().parse_args(ctx, given)


def _application(text: str) -> str:
    """Return the argument if its form is right and its file is a zip file."""
    archive = text.partition("=")[2].partition("=")[2]
    if not archive:
        raise typer.BadParameter(f"{text!r} does not have the form ID=VERSION=ZIPFILE[,default]")
    if not is_zipfile(archive.removesuffix(",default")):
        raise typer.BadParameter(f"{archive.removesuffix(',default')!r} is not a zip file")
    return text


def _port(name: str, of: str, default: int) -> Any:
    return option(name, metavar="PORT", text=f"port of {of} (default {default}; 0: any free port)")


app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command("start", cls=StartCommand, help=COMMANDS["start"], context_settings=HELP_NAMES)
def run(
    functions_port: Annotated[int, _port("--functions-port", "the Functions host", 7071)] = 7071,
    batch_port: Annotated[int, _port("--batch-port", "the fake Azure Batch", 10100)] = 10100,
    blob_port: Annotated[int, _port("--blob-port", "Azurite's blobs", 10000)] = 10000,
    queue_port: Annotated[int, _port("--queue-port", "Azurite's queues", 10001)] = 10001,
    data: Annotated[
        Path | None,
        option(
            "--data",
            metavar="DIR",
            text="keep all data in this directory for the next start (default: delete it at the end)",
        ),
    ] = None,
    application: Annotated[
        list[str] | None,
        option(
            "--application",
            metavar="ID=VERSION=ZIPFILE[,default]",
            callback=lambda given: [_application(text) for text in given or []],
            text="an application package for the nodes; add `,default` for the default version; may be "
            "repeated",
        ),
    ] = None,
    node_python: Annotated[
        Path | None,
        option(
            "--node-python",
            metavar="PYTHON",
            text="the interpreter of the nodes, with all its packages (default: a bare one, as in Azure: "
            "what tasks import must be in their application packages)",
        ),
    ] = None,
    blob_source: Annotated[
        Literal["EventGrid", "LogsAndContainerScan"],
        option(
            "--blob-source",
            text="how the Functions host notices new blobs: by events, as in Azure, or by a scan "
            "(default EventGrid)",
        ),
    ] = "EventGrid",
    identity: Annotated[
        NodeAccess | None,
        option(
            "--identity",
            metavar="[{signatures,nodes}]",
            text="run without keys, as in Azure: the app has a managed identity, and nodes get signatures "
            "(the default) or have an identity of their own (nodes)",
        ),
    ] = None,
    as_json: Annotated[
        bool, option("--json", text="print the URLs and keys as one line of JSON when the stack is ready")
    ] = False,
    host: Annotated[
        Literal["embedded", "func"] | None,
        option("--host", text="default: func if Core Tools are installed, else embedded"),
    ] = None,
) -> int:
    """Run the stack until SIGINT or SIGTERM. Return the exit code."""
    options = StackOptions(
        functions_port=functions_port,
        batch_port=batch_port,
        blob_port=blob_port,
        queue_port=queue_port,
        data=data,
        applications=application or [],
        node_python=node_python,
        blob_source=blob_source,
        host=host,
        identity=identity,
        patient=True,
    )
    return asyncio.run(run_until_signal(_serve(options, as_json=as_json), interrupted=0))


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
  batchmgr watch first --url {endpoints.functions}

Look whether everything is well:

  batchmgr doctor --settings {endpoints.settings_file}

Stop with Ctrl-C."""
