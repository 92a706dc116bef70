"""The Batch account: whether it is one, whether it takes the caller, and which packages it has."""

import contextlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from batchmgr.adapters.workload_registry import WorkloadRegistry
from batchmgr.doctor.batch_calls import BatchCalls
from batchmgr.doctor.check_identity import Caller
from batchmgr.doctor.check_settings import batch_account
from batchmgr.doctor.finding import Finding, fine, warning, wrong
from batchmgr.doctor.remedies import BATCH, Remedies
from batchmgr.doctor.without_access import refused
from batchmgr.errors import BatchmgrError, ServiceAccessError, ServiceError
from batchmgr.settings import Settings

ROLE = "Azure Batch Data Contributor"


@dataclass(frozen=True, kw_only=True)
class Package:
    """The application package that an installed workload declares. `version` is empty for the default one."""

    workload: str
    application_id: str
    version: str
    installed_version: str
    """Of the workload itself, as it is installed here. Empty if no installed package has it."""


async def check_account(
    calls: BatchCalls, settings: Settings, caller: Caller, remedies: Remedies
) -> list[Finding]:
    """Return what is to be said of the account. Without anything wrong, it can be used."""
    account = batch_account(settings) or "the account"
    try:
        await calls.try_jobs()
    except ServiceError as error:
        if error.status in {404, 405} or (error.status and not error.code):
            return [_another_service(settings, error, remedies)]
        if caller.name != "a key" and isinstance(error, ServiceAccessError) and error.status == 401:
            return [_token_refused(error)]
        command = remedies.give_role(ROLE, BATCH, account)
        return [refused("batch", error, caller, "use jobs", command, ROLE)]
    return [fine("batch", f"{account} answers, and lets {caller.name} use jobs")]


def declared_packages(settings: Settings) -> tuple[list[Package], list[Finding]]:
    """Return the packages of the workloads that are installed here, and what is wrong with workloads."""
    packages, findings = [], []
    registry = WorkloadRegistry(named=settings.workloads)
    with contextlib.redirect_stdout(sys.stderr):  # a workload may print when it is imported
        for described in registry.describe():
            if described.problems:
                findings.append(
                    wrong(
                        "workloads",
                        f"the workload {described.name}: {described.problems[0]}",
                        "It is installed here. More about it:\n    batchmgr workloads",
                    )
                )
                continue
            with contextlib.suppress(BatchmgrError):
                reference = registry.load(described.name).application_package
                if reference is not None:
                    packages.append(
                        Package(
                            workload=described.name,
                            application_id=reference.application_id,
                            version=reference.version,
                            installed_version=described.version,
                        )
                    )
    return packages, findings


def check_packages(
    packages: Sequence[Package],
    stored: Mapping[str, Sequence[str]],
    *,
    defaults: Mapping[str, str] | None,
    publish: str,
) -> list[Finding]:
    """Return whether the account has the packages. `stored` are its versions by application.

    `defaults` are the default versions, None if they can't be seen. `publish` are options of the command.
    """
    findings = [
        finding for package in packages for finding in _of_package(package, stored, defaults, publish)
    ]
    if findings:
        return findings
    named = ", ".join(f"{one.application_id} {_wanted(one, defaults)}" for one in packages)
    return [fine("packages", f"the account has {named}")]


def _of_package(
    package: Package,
    stored: Mapping[str, Sequence[str]],
    defaults: Mapping[str, str] | None,
    publish: str,
) -> Iterator[Finding]:
    versions = {name.lower(): found for name, found in stored.items()}.get(package.application_id.lower(), ())
    version = package.version or package.installed_version or "<version>"
    command = f"    batchmgr package publish dist/{package.application_id}-{version}.zip --default {publish}"
    if not versions:
        yield wrong(
            "packages",
            f"the account has no package {package.application_id}, from which the workload "
            f"{package.workload} runs: its tasks can't start",
            f"Build and publish it:\n    batchmgr package build\n{command}",
        )
        return
    if package.version:
        if package.version not in versions:
            yield wrong(
                "packages",
                f"the workload {package.workload} asks for {package.application_id} {package.version}; the "
                f"account has {', '.join(versions)}",
                f"Publish that version, or name another in application_package:\n{command}",
            )
        return
    yield from _of_default(package, versions, defaults, command)


def _of_default(
    package: Package, versions: Sequence[str], defaults: Mapping[str, str] | None, command: str
) -> Iterator[Finding]:
    name, installed = package.application_id, package.installed_version
    default = None if defaults is None else defaults.get(name.lower(), "")
    if default == "":
        yield wrong(
            "packages",
            f"{name} has no default version, and the workload {package.workload} names none: its tasks "
            "can't start",
            f"Make a version the default:\n{command}",
        )
    elif installed and installed not in versions:
        yield warning(
            "packages",
            f"the workload {package.workload} is {installed} here, but the account only has "
            f"{name} {', '.join(versions)}: tasks run another version than the one that plans them",
            f"Publish it:\n    batchmgr package build\n{command}",
        )
    elif installed and default and default != installed:
        yield warning(
            "packages",
            f"the workload {package.workload} is {installed} here, but nodes use the default version "
            f"{default} of {name}",
            f"Make it the default, or deploy the app with {default}:\n{command}",
        )


def _wanted(package: Package, defaults: Mapping[str, str] | None) -> str:
    if package.version:
        return package.version
    return f"(default {(defaults or {}).get(package.application_id.lower()) or 'version'})"


def _another_service(settings: Settings, error: ServiceError, remedies: Remedies) -> Finding:
    return wrong(
        "batch",
        f"what answers at {settings.batch_endpoint} is not Azure Batch: {error}",
        remedies.set("BATCHMGR_BATCH_ENDPOINT", "https://<account>.<region>.batch.azure.com")
        + "\nTo see the endpoint:\n"
        "    az batch account list --query '[].accountEndpoint' --output tsv",
    )


def _token_refused(error: ServiceError) -> Finding:
    return wrong(
        "batch",
        f"Azure Batch does not take the token: {error}",
        "Is the clock right? Is the account in the same tenant? Does it allow Microsoft Entra?\n"
        "    az batch account show --name <account> --resource-group <group> --query "
        "allowedAuthenticationModes",
    )
