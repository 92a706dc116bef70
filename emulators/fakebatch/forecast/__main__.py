"""`python -m fakebatch.forecast`: read a forecast as JSON from stdin, and write its result to stdout.

The names of the JSON are in `forecast_request`. The result has `variants`, each with its `name` and `runs`,
as `run_record` writes them. If the first runs of a variant do not end, the others are left out. What is wrong
with the request, or a formula, is written to stderr; the exit code is then 2.
"""

import gc
import json
import os
import sys
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any, Final

from fakebatch.errors import BatchError
from fakebatch.forecast.forecast_request import Request, read_request
from fakebatch.forecast.forecast_run import run_once

_ENOUGH: Final = 2
"""Runs of a variant that do not end: the others are left out."""

_request: Request | None = None


def main() -> int:
    """Forecast what is asked for. Return the exit code."""
    try:
        body = json.load(sys.stdin)
        result = forecast(body)
    except (ValueError, TypeError, BatchError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except KeyError as error:
        sys.stderr.write(f"the request lacks {error}\n")
        return 2
    json.dump(result, sys.stdout, separators=(",", ":"))
    return 0


def forecast(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the result of a request. Raises ValueError, KeyError or BatchError."""
    request = read_request(body)
    processes = min(os.cpu_count() or 1, request.runs)
    if processes == 1:
        _prepare(body)
        return {"variants": [_variant(map, request, number) for number in range(len(request.variants))]}
    with ProcessPoolExecutor(processes, initializer=_prepare, initargs=(body,)) as pool:
        return {"variants": [_variant(pool.map, request, number) for number in range(len(request.variants))]}


def _variant(run_all: Any, request: Request, number: int) -> dict[str, Any]:
    runs: list[dict[str, Any]] = []
    for some in _batches(request.runs):
        runs += run_all(partial(_one_run, number), some)
        if not any(run["ended"] for run in runs):
            break
    return {"name": request.variants[number].name, "runs": runs}


def _batches(runs: int) -> list[range]:
    first = min(_ENOUGH, runs)
    return [range(first), range(first, runs)]


def _prepare(body: Mapping[str, Any]) -> None:
    """Read the request once in each process."""
    global _request
    _request = read_request(body)
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def _one_run(number: int, run: int) -> dict[str, Any]:
    if _request is None:
        raise RuntimeError("the process was not prepared")
    return run_once(_request, _request.variants[number], run)


if __name__ == "__main__":
    sys.exit(main())
