"""The environment variables of a task."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from fakebatch.execution.directory_layout import Layout
from fakebatch.execution.executor_port import Instance, Order
from fakebatch.wire import job_token
from fakebatch.wire.shared_key import ACCOUNT_NAME

INHERITED: Final = ("PATH", "LANG", "TMPDIR")
"""All that a task gets of the environment of the service's own process, which may hold secrets.

PATH makes the programs of this machine, such as python3, those of the node.
"""

_MASTER_PORT: Final = 6000


def task_environment(order: Order, layout: Layout, account_url: str) -> dict[str, str]:
    """Return the variables of a task: the service's, those of its job and its own, in rising precedence."""
    variables = {name: os.environ[name] for name in INHERITED if name in os.environ}
    variables |= _node_variables(order, layout, account_url)
    if order.kind != "start":
        variables |= _job_variables(order, layout)
    for package in order.packages:
        path = str(layout.package_root(order.pool_id, order.node_id, package))
        variables |= dict.fromkeys(package.variables, path)
    for settings in (order.job_spec.get("commonEnvironmentSettings"), order.spec.get("environmentSettings")):
        variables |= {setting["name"]: setting.get("value", "") for setting in settings or ()}
    if "job" in order.spec.get("authenticationTokenSettings", {}).get("access", ()):
        variables["AZ_BATCH_AUTHENTICATION_TOKEN"] = job_token.issue(order.job_id)
    if order.instances:
        variables |= instance_variables(order, order.instances[0], layout.run_root(order))
    return variables


def instance_variables(order: Order, instance: Instance, shared: Path) -> Mapping[str, str]:
    """Return the variables that tell a command of a multi-instance task about all of its nodes."""
    addresses = [each.address for each in order.instances]
    cores = " ".join(f"{address} 1" for address in addresses)
    return {
        "AZ_BATCH_HOST_LIST": ",".join(addresses),
        "AZ_BATCH_IS_CURRENT_NODE_MASTER": str(instance == order.instances[0]).lower(),
        "AZ_BATCH_MASTER_NODE": f"{addresses[0]}:{_MASTER_PORT}",
        "AZ_BATCH_NODE_LIST": ";".join(addresses),
        "AZ_BATCH_TASK_SHARED_DIR": str(shared),
        "CCP_NODES": f"{len(addresses)} {cores}",
    }


def _node_variables(order: Order, layout: Layout, account_url: str) -> dict[str, str]:
    node = layout.node_root(order.pool_id, order.node_id)
    root = layout.run_root(order)
    return {
        "HOME": str(root / "wd"),
        "AZ_BATCH_ACCOUNT_NAME": ACCOUNT_NAME,
        "AZ_BATCH_ACCOUNT_URL": f"{account_url}/",
        "AZ_BATCH_NODE_ID": order.node_id,
        "AZ_BATCH_NODE_IS_DEDICATED": str(order.dedicated).lower(),
        "AZ_BATCH_NODE_MOUNTS_DIR": str(node / "fsmounts"),
        "AZ_BATCH_NODE_ROOT_DIR": str(node),
        "AZ_BATCH_NODE_SHARED_DIR": str(node / "shared"),
        "AZ_BATCH_NODE_STARTUP_DIR": str(node / "startup"),
        "AZ_BATCH_POOL_ID": order.pool_id,
        "AZ_BATCH_TASK_DIR": str(root),
        "AZ_BATCH_TASK_WORKING_DIR": str(root / "wd"),
    }


def _job_variables(order: Order, layout: Layout) -> dict[str, str]:
    variables = {"AZ_BATCH_JOB_ID": order.job_id, "AZ_BATCH_TASK_ID": order.task_id}
    preparation = order.job_spec.get("jobPreparationTask")
    if preparation is None or order.kind == "preparation":
        return variables
    root = layout.run_root(order).with_name(preparation["id"])
    return variables | {
        "AZ_BATCH_JOB_PREP_DIR": str(root),
        "AZ_BATCH_JOB_PREP_WORKING_DIR": str(root / "wd"),
    }
