"""The environment variables of a task."""

import os
from pathlib import Path
from typing import Final

from batchmgr.local.fakebatch.execution.layout import Layout
from batchmgr.local.fakebatch.execution.port import Order
from batchmgr.local.fakebatch.wire.shared_key import ACCOUNT_NAME

# All that a task gets of the environment of the service's own process, which may hold secrets. PATH makes the
# programs of this machine, such as python3, those of the node.
_INHERITED: Final = ("PATH", "LANG", "TMPDIR")


def task_environment(order: Order, layout: Layout, account_url: str) -> dict[str, str]:
    """Return the variables of a task: the service's, those of its job and its own, in rising precedence."""
    variables = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    variables |= _service_variables(order, layout, account_url)
    for settings in (order.job_spec.get("commonEnvironmentSettings"), order.spec.get("environmentSettings")):
        variables |= {setting["name"]: setting.get("value", "") for setting in settings or ()}
    return variables


def _service_variables(order: Order, layout: Layout, account_url: str) -> dict[str, str]:
    node: Path = layout.node_root(order.pool_id, order.node_id)
    task = layout.task_root(order.pool_id, order.node_id, order.job_id, order.task_id)
    preparation = task.with_name("jobpreparation")
    return {
        "HOME": str(task / "wd"),
        "AZ_BATCH_ACCOUNT_NAME": ACCOUNT_NAME,
        "AZ_BATCH_ACCOUNT_URL": f"{account_url}/",
        "AZ_BATCH_JOB_ID": order.job_id,
        "AZ_BATCH_JOB_PREP_DIR": str(preparation),
        "AZ_BATCH_JOB_PREP_WORKING_DIR": str(preparation / "wd"),
        "AZ_BATCH_NODE_ID": order.node_id,
        "AZ_BATCH_NODE_IS_DEDICATED": str(order.dedicated).lower(),
        "AZ_BATCH_NODE_MOUNTS_DIR": str(node / "fsmounts"),
        "AZ_BATCH_NODE_ROOT_DIR": str(node),
        "AZ_BATCH_NODE_SHARED_DIR": str(node / "shared"),
        "AZ_BATCH_NODE_STARTUP_DIR": str(node / "startup"),
        "AZ_BATCH_POOL_ID": order.pool_id,
        "AZ_BATCH_TASK_DIR": str(task),
        "AZ_BATCH_TASK_ID": order.task_id,
        "AZ_BATCH_TASK_WORKING_DIR": str(task / "wd"),
    }
