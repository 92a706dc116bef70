"""A batchmgr workload: how a rod cools, computed on several nodes at once."""

from __future__ import annotations

from heat_rod.workload import HeatRodWorkload

__all__ = ["HeatRodWorkload"]
