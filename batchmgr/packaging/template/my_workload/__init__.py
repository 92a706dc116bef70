"""A batchmgr workload: counts the words of a text."""

from my_workload.workload import WordCountWorkload

__all__ = ["WordCountWorkload"]
