"""A batchmgr workload: counts the words of a text."""

from my_workload.workload import (
    MyWorkload,
)

__all__ = ["MyWorkload"]
