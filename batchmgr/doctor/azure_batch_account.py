"""What only Azure Resource Manager knows of a Batch account: quotas, default versions, its pools."""

import asyncio
import re
import shlex
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any

from batchmgr.doctor.check_batch import check_packages, declared_packages
from batchmgr.doctor.check_pool import pool_findings
from batchmgr.doctor.finding import Finding, fine, unknown, warning, wrong
from batchmgr.doctor.resource_manager import ResourceManager
from batchmgr.errors import BatchmgrError, ServiceError, ServiceNotFoundError
from batchmgr.settings import Settings

VERSION = "2025-06-01"
_SIZE = re.compile(r"standard_([a-z]+)\d+(?:-\d+)?([a-z]*)(?:_(v\d+))?", re.IGNORECASE)
NEARLY_FULL = 0.9


async def check_batch_in_azure(
    arm: ResourceManager,
    account_id: str,
    settings: Settings,
    active_jobs: Callable[[], Awaitable[int]],
) -> list[Finding]:
    """Return what is to be said. `active_jobs` counts them, if the caller may. Raise ServiceError."""
    account = (await arm.get(account_id, VERSION)).get("properties", {})
    pools = await arm.list(f"{account_id}/pools", VERSION)
    findings = [*_access(account, settings), await _job_quota(account, account_id, active_jobs)]
    findings += _core_quota(account, account_id, pools)
    findings += await _pool(arm, account_id, settings)
    return findings + await _packages(arm, account_id, settings)


def _access(account: Mapping[str, Any], settings: Settings) -> Iterator[Finding]:
    modes = account.get("allowedAuthenticationModes")
    if modes is None:
        return
    if settings.batch_key and "SharedKey" not in modes:
        yield wrong(
            "batch",
            "the account takes no keys, and BATCHMGR_BATCH_KEY is set",
            "Remove BATCHMGR_BATCH_KEY, and give the app's identity the role Azure Batch Data Contributor.",
        )
    if not settings.batch_key and "AAD" not in modes:
        yield wrong(
            "batch",
            "the account takes no tokens of Microsoft Entra, and the app has no key",
            "Allow Microsoft Entra authentication: in the portal, the Batch account, Authentication mode.",
        )


async def _job_quota(
    account: Mapping[str, Any], account_id: str, active_jobs: Callable[[], Awaitable[int]]
) -> Finding:
    quota = int(account.get("activeJobAndJobScheduleQuota") or 0)
    try:
        active = await active_jobs()
    except BatchmgrError as error:
        return unknown("quota of jobs", f"the active jobs (of {quota}) can't be counted: {error}")
    if active < quota * NEARLY_FULL:
        return fine("quota of jobs", f"{active} of {quota} active jobs")
    name, group = account_id.rpartition("/")[2], account_id.split("/")[4]
    remedy = (
        "End jobs that are not needed, or ask for more: in the portal, the Batch account, Quotas.\n"
        f"    az batch account login --name {name} --resource-group {group}\n"
        "    az batch job list --filter \"state eq 'active'\" --query '[].id' --output tsv"
    )
    if active >= quota:
        what = f"{active} of {quota} active jobs: the quota is used up, and every new job waits"
        return wrong("quota of jobs", what, remedy)
    return warning("quota of jobs", f"{active} of {quota} active jobs: soon new jobs wait", remedy)


def _core_quota(
    account: Mapping[str, Any], account_id: str, pools: Sequence[Mapping[str, Any]]
) -> Iterator[Finding]:
    if account.get("poolAllocationMode") == "UserSubscription":
        return  # the subscription's own quota counts
    families = {
        str(one["name"]).lower(): int(one["coreQuota"])
        for one in account.get("dedicatedCoreQuotaPerVMFamily") or []
    }
    total = account.get("dedicatedCoreQuota")
    without: dict[str, str] = {}
    account_name, group = account_id.rpartition("/")[2], account_id.split("/")[4]
    for pool in pools:
        size = str(pool.get("properties", {}).get("vmSize", ""))
        family = family_of(size)
        enforced = account.get("dedicatedCoreQuotaPerVMFamilyEnforced") and family in families
        quota = families[family] if enforced else total
        if quota == 0 and not _is_spot(pool):
            without[size] = str(pool["name"])
    for size, pool_name in without.items():
        yield wrong(
            "quota of cores",
            f"the quota of cores for {size} is 0: the pool {pool_name} gets no node",
            "Ask for cores: in the portal, the Batch account, Quotas, Request quota increase. Or give the "
            "pool a size that has some:\n"
            f"    az batch account show --name {account_name} --resource-group {group} --query "
            "dedicatedCoreQuotaPerVMFamily",
        )
    if not without:
        yield fine("quota of cores", f"{total} cores of dedicated nodes; each pool's size has some")


def family_of(vm_size: str) -> str:
    """Return the name of a size's family in the lists of quotas, in lower case: standarddsv5family."""
    found = _SIZE.fullmatch(vm_size)
    return f"standard{found[1]}{found[2]}{found[3] or ''}family".lower() if found else ""


def _is_spot(pool: Mapping[str, Any]) -> bool:
    scale = (pool.get("properties", {}).get("scaleSettings") or {}).get("fixedScale") or {}
    return bool(scale.get("targetLowPriorityNodes")) and not scale.get("targetDedicatedNodes")


async def _pool(arm: ResourceManager, account_id: str, settings: Settings) -> list[Finding]:
    if not settings.default_pool_id:
        return []
    try:
        found = await arm.get(f"{account_id}/pools/{settings.default_pool_id}", VERSION)
    except ServiceNotFoundError:
        return []  # Azure Batch itself says so
    except ServiceError as error:
        return [unknown("pool", f"it can't be read: {error}")]
    return pool_findings(_as_in_batch(found), (), settings, lists_identities=True)


def _as_in_batch(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return a pool of Azure Resource Manager in the words of Azure Batch."""
    properties = found.get("properties", {})
    scale = properties.get("scaleSettings") or {}
    fixed, resize = scale.get("fixedScale") or {}, properties.get("resizeOperationStatus") or {}
    return {
        "id": found["name"],
        "state": "deleting" if properties.get("provisioningState") == "Deleting" else "active",
        "allocationState": str(properties.get("allocationState", "steady")).lower(),
        "currentDedicatedNodes": properties.get("currentDedicatedNodes", 0),
        "currentLowPriorityNodes": properties.get("currentLowPriorityNodes", 0),
        "targetDedicatedNodes": fixed.get("targetDedicatedNodes", 0),
        "targetLowPriorityNodes": fixed.get("targetLowPriorityNodes", 0),
        "taskSlotsPerNode": properties.get("taskSlotsPerNode", 1),
        "enableAutoScale": "autoScale" in scale,
        "resizeErrors": resize.get("errors") or [],
        "autoScaleRun": properties.get("autoScaleRun") or {},
        "vmSize": properties.get("vmSize", ""),
        "startTask": properties.get("startTask"),
        "identity": found.get("identity") or {},
        **(properties.get("deploymentConfiguration") or {}),
    }


async def _packages(arm: ResourceManager, account_id: str, settings: Settings) -> list[Finding]:
    packages, findings = await asyncio.to_thread(declared_packages, settings)  # it imports workloads
    if not packages:
        return findings
    listed = await arm.list(f"{account_id}/applications", VERSION)
    wanted = {package.application_id.lower() for package in packages}
    names = [str(one["name"]) for one in listed if str(one["name"]).lower() in wanted]
    stored = {
        name: [
            str(one["name"]).rpartition("/")[2]
            for one in await arm.list(_versions(account_id, name), VERSION)
        ]
        for name in names
    }
    defaults = {
        str(one["name"]).lower(): str(one.get("properties", {}).get("defaultVersion") or "") for one in listed
    }
    parts = account_id.split("/")
    publish = f"--subscription {parts[2]} --resource-group {shlex.quote(parts[4])} --account {parts[-1]}"
    return findings + check_packages(packages, stored, defaults=defaults, publish=publish)


def _versions(account_id: str, name: str) -> str:
    return f"{account_id}/applications/{name}/versions"
