"""A batchmgr workload with an old dependency: how long the sun can shine at weather stations."""

from __future__ import annotations

from legacy_weather.workload import LegacyWeatherWorkload

__all__ = ["LegacyWeatherWorkload"]
