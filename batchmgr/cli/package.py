"""`batchmgr package`: builds and publishes the application package of a workload."""

import asyncio
import logging
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from batchmgr.cli import COMMANDS, INTERRUPTED
from batchmgr.cli.arguments import HELP_NAMES, argument, option
from batchmgr.cli.stop_signals import run_until_signal
from batchmgr.errors import MissingExtraError, PackageError
from batchmgr.packaging.app_wheels import add_to_app
from batchmgr.packaging.build_package import build_package
from batchmgr.packaging.publish_package import publish_package
from batchmgr.packaging.read_project import read_project
from batchmgr.packaging.reproducible_archive import EARLIEST

app = typer.Typer(
    help=COMMANDS["package"],
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    context_settings=HELP_NAMES,
)

ProjectPath = Annotated[Path, argument("PATH", "the workload package's directory (default: the current one)")]


@app.command(help="build the zip file that Azure Batch installs on nodes")
def build(
    path: ProjectPath = Path(),
    output: Annotated[
        Path | None, option("--output", metavar="DIR", text="directory for the zip file (default: PATH/dist)")
    ] = None,
    vendor: Annotated[bool, option("--vendor", text="include the workload package's dependencies")] = False,
) -> int:
    """Build the application package. Return the exit code."""
    project = read_project(path)
    package = build_package(project, output or path / "dist", time=_source_date(os.environ), vendor=vendor)
    print(f"{package.archive}\nsha256 {package.sha256}")
    if project.requirements and not vendor:
        needed = ", ".join(project.requirements)
        print(f"Not included, but needed on nodes: {needed} (--vendor includes packages in pure Python)")
    return 0


@app.command(help="put the workload and batchmgr, as wheels, into the folder of the Functions app")
def wheel(
    path: ProjectPath = Path(),
    *,
    app_folder: Annotated[
        Path,
        option("--app", metavar="DIR", text="the app's folder, which has host.json and requirements.txt"),
    ],
) -> int:
    """Put the wheels into the app's folder. Return the exit code."""
    for requirement in add_to_app(path, app_folder):
        print(f"{app_folder / 'requirements.txt'}: {requirement}")
    return 0


@app.command(help="publish the zip file as a version of an application in a Batch account")
def publish(
    archive: Annotated[Path, argument("ZIP", "the zip file that `batchmgr package build` wrote")],
    *,
    subscription: Annotated[str, option("--subscription", metavar="ID", text="the account's subscription")],
    resource_group: Annotated[
        str, option("--resource-group", metavar="NAME", text="the account's resource group")
    ],
    account: Annotated[str, option("--account", metavar="NAME", text="the Batch account")],
    default: Annotated[bool, option("--default", text="make this the application's default version")] = False,
) -> int:
    """Publish the application package. Return the exit code."""
    try:
        from azure.identity.aio import DefaultAzureCredential

        from batchmgr.packaging.azure_account import open_account
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"{error.name} is not installed; install it with: pip install 'batchmgr[publish]'"
        ) from error

    # azure.identity logs every sign-in method that fails. The error message says what matters.
    logging.getLogger("azure.identity").setLevel(logging.ERROR)

    async def publish_zip() -> int:
        async with (
            DefaultAzureCredential() as credential,
            open_account(
                credential, subscription=subscription, resource_group=resource_group, account=account
            ) as opened,
        ):
            await publish_package(opened, archive, as_default=default, report=print)
        return 0

    return asyncio.run(run_until_signal(publish_zip(), interrupted=INTERRUPTED))


def _source_date(environment: Mapping[str, str]) -> datetime:
    """Return the time for the files, from SOURCE_DATE_EPOCH if it is set.

    Source: https://reproducible-builds.org/specs/source-date-epoch
    """
    seconds = environment.get("SOURCE_DATE_EPOCH")
    try:
        return datetime.fromtimestamp(int(seconds), UTC) if seconds else EARLIEST
    except (ValueError, OverflowError, OSError) as error:
        raise PackageError(f"SOURCE_DATE_EPOCH must be seconds since 1970, not {seconds!r}") from error
