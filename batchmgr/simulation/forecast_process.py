"""Runs the forecast of the fake Azure Batch as a process: it knows the service, and nothing of batchmgr."""

import json
import subprocess
import sys
from typing import Any

from batchmgr.errors import SimulationError

_COMMAND = (sys.executable, "-m", "fakebatch.forecast")
_UNUSABLE = 2


def run_forecast(request: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the variants of the forecast, each with its name and its runs. Raise SimulationError.

    The names of the JSON are those of `fakebatch.forecast.forecast_request` and `run_record`.
    """
    answer = subprocess.run(_COMMAND, input=json.dumps(request), capture_output=True, text=True, check=False)
    if answer.returncode == _UNUSABLE:
        raise SimulationError(answer.stderr.strip())
    if answer.returncode:
        raise SimulationError(f"the simulation has failed:\n{answer.stderr.strip()}")
    found: list[dict[str, Any]] = json.loads(answer.stdout)["variants"]
    return found
