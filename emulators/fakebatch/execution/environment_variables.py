"""The environment variables of a task."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from fakebatch.execution.directory_layout import Layout
from fakebatch.execution.executor_port import Instance, RunRequest
from fakebatch.execution.node_tokens import SERVICE
from fakebatch.wire import job_token
from fakebatch.wire.shared_key import ACCOUNT_NAME

INHERITED: Final = ("PATH", "LANG", "TMPDIR", "SSL_CERT_FILE", SERVICE)
"""The only variables that a task inherits from the process of the service, which may hold secrets.

PATH makes the programs of this machine, such as python3, available on the node. The last two are the
certificates that a node trusts, and where it gets tokens for its managed identities.
"""

_MASTER_PORT: Final = 6000


def task_environment(request: RunRequest, layout: Layout, account_url: str) -> dict[str, str]:
    """Return the variables of a task: those of the service, its job and its own. Later ones win."""
    variables = {name: os.environ[name] for name in INHERITED if name in os.environ}
    variables |= _node_variables(request, layout, account_url)
    if request.kind != "start":
        variables |= _job_variables(request, layout)
    for package in request.packages:
        path = str(layout.package_root(request.pool_id, request.node_id, package))
        variables |= dict.fromkeys(package.variables, path)
    for settings in (
        request.job_spec.get("commonEnvironmentSettings"),
        request.spec.get("environmentSettings"),
    ):
        variables |= {setting["name"]: setting.get("value", "") for setting in settings or ()}
    if "job" in request.spec.get("authenticationTokenSettings", {}).get("access", ()):
        variables["AZ_BATCH_AUTHENTICATION_TOKEN"] = job_token.issue(request.job_id)
    if request.instances:
        variables |= instance_variables(request, request.instances[0], layout.run_root(request))
    return variables


def instance_variables(request: RunRequest, instance: Instance, shared: Path) -> Mapping[str, str]:
    """Return the variables that describe all nodes of a multi-instance task to its commands."""
    addresses = [each.address for each in request.instances]
    cores = " ".join(f"{address} 1" for address in addresses)
    return {
        "AZ_BATCH_HOST_LIST": ",".join(addresses),
        "AZ_BATCH_IS_CURRENT_NODE_MASTER": str(instance == request.instances[0]).lower(),
        "AZ_BATCH_MASTER_NODE": f"{addresses[0]}:{_MASTER_PORT}",
        "AZ_BATCH_NODE_LIST": ";".join(addresses),
        "AZ_BATCH_TASK_SHARED_DIR": str(shared),
        "CCP_NODES": f"{len(addresses)} {cores}",
    }


def _node_variables(request: RunRequest, layout: Layout, account_url: str) -> dict[str, str]:
    node = layout.node_root(request.pool_id, request.node_id)
    root = layout.run_root(request)
    return {
        "HOME": str(root / "wd"),
        "AZ_BATCH_ACCOUNT_NAME": ACCOUNT_NAME,
        "AZ_BATCH_ACCOUNT_URL": f"{account_url}/",
        "AZ_BATCH_NODE_ID": request.node_id,
        "AZ_BATCH_NODE_IS_DEDICATED": str(request.dedicated).lower(),
        "AZ_BATCH_NODE_MOUNTS_DIR": str(node / "fsmounts"),
        "AZ_BATCH_NODE_ROOT_DIR": str(node),
        "AZ_BATCH_NODE_SHARED_DIR": str(node / "shared"),
        "AZ_BATCH_NODE_STARTUP_DIR": str(node / "startup"),
        "AZ_BATCH_POOL_ID": request.pool_id,
        "AZ_BATCH_TASK_DIR": str(root),
        "AZ_BATCH_TASK_WORKING_DIR": str(root / "wd"),
    }


def _job_variables(request: RunRequest, layout: Layout) -> dict[str, str]:
    variables = {"AZ_BATCH_JOB_ID": request.job_id, "AZ_BATCH_TASK_ID": request.task_id}
    preparation = request.job_spec.get("jobPreparationTask")
    if preparation is None or request.kind == "preparation":
        return variables
    root = layout.run_root(request).with_name(preparation["id"])
    return variables | {
        "AZ_BATCH_JOB_PREP_DIR": str(root),
        "AZ_BATCH_JOB_PREP_WORKING_DIR": str(root / "wd"),
    }
