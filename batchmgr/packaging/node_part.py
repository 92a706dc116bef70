"""The part of batchmgr that a task needs on its node: the standard library is all that it builds on."""

from collections.abc import Mapping
from pathlib import Path

import batchmgr

NODE_PART = (
    "__init__.py",
    "batch_client.py",
    "errors.py",
    "model/__init__.py",
    "model/completion.py",
    "model/files.py",
    "model/ids.py",
    "model/job_specification.py",
    "model/paths.py",
    "model/plan.py",
    "model/plan_rules.py",
    "model/task_options.py",
    "model/task_rules.py",
    "model/values.py",
    "workload/*.py",
)
"""Files of batchmgr that every application package has."""

CONTROL_PLANE_ONLY = frozenset({"workload/discovery.py", "workload/registry.py"})
"""Files among them that no node needs: they find the workloads that are installed in the app."""


def node_part() -> Mapping[str, Path]:
    """The files, by their path in an application package."""
    root = Path(batchmgr.__file__).parent
    found = (file for pattern in NODE_PART for file in root.glob(pattern))
    relative = {file.relative_to(root).as_posix(): file for file in found}
    return {f"batchmgr/{path}": file for path, file in relative.items() if path not in CONTROL_PLANE_ONLY}
