"""The part of batchmgr that tasks need on their nodes. It imports only the standard library and itself."""

from collections.abc import Mapping
from pathlib import Path

import batchmgr
from batchmgr.packaging.reproducible_archive import files_below

MODULES = ("__init__.py", "errors.py")
FOLDERS = ("plan", "workload")
"""These folders go to nodes as a whole, so a new module in them needs no further step."""


def node_part() -> Mapping[str, Path]:
    """Return the files, by their path in an application package."""
    root = Path(batchmgr.__file__).parent
    modules = {f"batchmgr/{module}": root / module for module in MODULES}
    in_folders = {
        f"batchmgr/{folder}/{path}": file for folder in FOLDERS for path, file in files_below(root / folder)
    }
    return modules | in_folders
