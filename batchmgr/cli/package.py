"""`batchmgr package`: builds and publishes the application package of a workload."""

import argparse
import asyncio
import logging
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from batchmgr.cli import INTERRUPTED
from batchmgr.cli.stop_signals import run_until_signal
from batchmgr.errors import MissingExtraError, PackageError
from batchmgr.packaging.app_wheels import add_to_app
from batchmgr.packaging.build_package import build_package
from batchmgr.packaging.publish_package import publish_package
from batchmgr.packaging.read_project import read_project
from batchmgr.packaging.reproducible_archive import EARLIEST


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands and their options."""
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    build = commands.add_parser("build", help="build the zip file that Azure Batch installs on nodes")
    _add_path(build)
    build.add_argument(
        "--output", type=Path, metavar="DIR", help="directory for the zip file (default: PATH/dist)"
    )
    build.add_argument("--vendor", action="store_true", help="include the workload package's dependencies")
    build.set_defaults(run=_build)
    wheel = commands.add_parser(
        "wheel", help="put the workload and batchmgr, as wheels, into the folder of the Functions app"
    )
    _add_path(wheel)
    wheel.add_argument(
        "--app",
        type=Path,
        required=True,
        metavar="DIR",
        help="the app's folder, which has host.json and requirements.txt",
    )
    wheel.set_defaults(run=_wheel)
    publish = commands.add_parser(
        "publish", help="publish the zip file as a version of an application in a Batch account"
    )
    publish.add_argument(
        "zip", type=Path, metavar="ZIP", help="the zip file that `batchmgr package build` wrote"
    )
    publish.add_argument("--subscription", required=True, metavar="ID", help="the account's subscription")
    publish.add_argument(
        "--resource-group", required=True, metavar="NAME", help="the account's resource group"
    )
    publish.add_argument("--account", required=True, metavar="NAME", help="the Batch account")
    publish.add_argument("--default", action="store_true", help="make this the application's default version")
    publish.set_defaults(run=_publish)


def _add_path(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "path",
        nargs="?",
        type=Path,
        default=Path(),
        metavar="PATH",
        help="the workload package's directory (default: the current one)",
    )


def run(args: argparse.Namespace) -> int:
    """Run the subcommand, and return the exit code."""
    exit_code: int = args.run(args)
    return exit_code


def _build(args: argparse.Namespace) -> int:
    project = read_project(args.path)
    output = args.output or args.path / "dist"
    package = build_package(project, output, time=_source_date(os.environ), vendor=args.vendor)
    print(f"{package.archive}\nsha256 {package.sha256}")
    if project.requirements and not args.vendor:
        needed = ", ".join(project.requirements)
        print(f"Not included, but needed on nodes: {needed} (--vendor includes packages in pure Python)")
    return 0


def _wheel(args: argparse.Namespace) -> int:
    for requirement in add_to_app(args.path, args.app):
        print(f"{args.app / 'requirements.txt'}: {requirement}")
    return 0


def _publish(args: argparse.Namespace) -> int:
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
                credential,
                subscription=args.subscription,
                resource_group=args.resource_group,
                account=args.account,
            ) as account,
        ):
            await publish_package(account, args.zip, as_default=args.default, report=print)
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
