"""The command's arguments for the account: what the REST API of Batch cannot create."""

import argparse
import re
import zipfile
from pathlib import Path
from typing import Final

from fakebatch.execution.auto_storage import AutoStorage
from fakebatch.model.application_packages import ApplicationPackage
from fakebatch.quotas import Quotas

_APPLICATION: Final = re.compile(
    r"(?P<id>[A-Za-z0-9_-]{1,64})=(?P<version>[A-Za-z0-9_.-]{1,64})=(?P<archive>.+?)(?P<default>,default)?"
)


def add_account_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments to a parser."""
    parser.add_argument(
        "--application",
        type=_package,
        action="append",
        default=[],
        metavar="ID=VERSION=ZIPFILE[,default]",
        help="add an application package to the account, perhaps as its default version; may be repeated",
    )
    parser.add_argument(
        "--auto-storage",
        metavar="URL",
        help="the URL of the blob service of the storage account linked to the Batch account, such as "
        "http://127.0.0.1:10000/devstoreaccount1; without a key, include a SAS that covers its containers",
    )
    parser.add_argument("--auto-storage-key", metavar="KEY", help="the key of the linked storage account")
    parser.add_argument(
        "--active-job-quota",
        type=int,
        default=300,
        help="the quota of active jobs and job schedules (default: %(default)s)",
    )
    parser.add_argument(
        "--pool-quota", type=int, default=100, help="the quota of pools (default: %(default)s)"
    )
    parser.add_argument(
        "--dedicated-core-quota",
        type=int,
        default=10_000,
        help="the quota of cores of dedicated nodes (default: %(default)s)",
    )
    parser.add_argument(
        "--low-priority-core-quota",
        type=int,
        default=10_000,
        help="the quota of cores of spot nodes (default: %(default)s)",
    )


def auto_storage_of(args: argparse.Namespace) -> AutoStorage | None:
    """Return the linked storage account, or None if the arguments name none."""
    return None if args.auto_storage is None else AutoStorage(args.auto_storage, args.auto_storage_key)


def quotas_of(args: argparse.Namespace) -> Quotas:
    """Return the quotas of the account."""
    return Quotas(
        active_jobs=args.active_job_quota,
        pools=args.pool_quota,
        dedicated_cores=args.dedicated_core_quota,
        low_priority_cores=args.low_priority_core_quota,
    )


def _package(text: str) -> ApplicationPackage:
    match = _APPLICATION.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form ID=VERSION=ZIPFILE[,default]")
    archive = Path(match["archive"])
    if not zipfile.is_zipfile(archive):
        raise argparse.ArgumentTypeError(f"{str(archive)!r} is not a zip file")
    return ApplicationPackage(
        application_id=match["id"],
        version=match["version"],
        archive=archive.resolve(),
        is_default=match["default"] is not None,
    )
