"""The command `submit`: sends a job of this workload to batchmgr over HTTP."""

from __future__ import annotations

import json
import os
import re
import sys
from argparse import Namespace
from http.client import HTTPException
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from batchmgr.errors import BatchmgrError, InvalidJobError
from batchmgr.workload.job_arguments import read_inputs
from batchmgr.workload.workload_base import WorkloadBase

URL_VARIABLE = "BATCHMGR_URL"
KEY_VARIABLE = "BATCHMGR_FUNCTION_KEY"
_ADDRESS = re.compile(r"https?://[^\s/?#]+(/[^\s?#]*)?")
_TIMEOUT = 60


def submit(workload: WorkloadBase, arguments: Namespace) -> int:
    """Send the job and print the URL of its status. Raise `BatchmgrError` if it was not accepted."""
    url = arguments.url or os.environ.get(URL_VARIABLE, "")
    if not _ADDRESS.fullmatch(url):
        raise InvalidJobError(
            f"give batchmgr's address: --url https://my-app.azurewebsites.net, or set {URL_VARIABLE}. Set "
            f"{KEY_VARIABLE} to its function key",
            field="--url",
        )
    message = {
        "workload": workload.name,
        "inputs": read_inputs(arguments.inputs),
        "jobId": arguments.job_id,
        "poolId": arguments.pool,
        "callBackUri": arguments.callback,
    }
    answer = _post(
        f"{url.rstrip('/')}/api/jobs", {name: text for name, text in message.items() if text != ""}
    )
    sys.stdout.write(f"job {answer['jobId']} is {answer['state']}\n")
    sys.stdout.write(f"{answer['statusUri']}\n" if "statusUri" in answer else "")
    return 0


def _post(url: str, message: object) -> dict[str, str]:
    headers = {"Content-Type": "application/json", "x-functions-key": os.environ.get(KEY_VARIABLE, "")}
    request = Request(url, data=json.dumps(message).encode(), headers=headers)  # noqa: S310
    try:
        with urlopen(request, timeout=_TIMEOUT) as response:  # noqa: S310
            content = response.read()
    except HTTPError as error:
        with error:
            raise BatchmgrError(f"batchmgr refused the job ({error.code}): {_reason(error)}") from error
    except (OSError, HTTPException, ValueError) as error:
        cause = error.reason if isinstance(error, URLError) else error
        reason = getattr(cause, "strerror", None) or cause
        raise BatchmgrError(f"batchmgr did not answer at {url}: {reason}") from error
    return _accepted(url, content)


def _accepted(url: str, content: bytes) -> dict[str, str]:
    try:
        answer = json.loads(content)
        if {"jobId", "state"} <= answer.keys():
            return dict(answer)
    except (ValueError, AttributeError):  # not JSON, or not an object
        pass
    raise BatchmgrError(f"the server at {url} is not batchmgr: check the address")


def _reason(error: HTTPError) -> str:
    try:
        problem = json.loads(error.read())
        reason = str(problem.get("detail") or problem.get("title") or error.reason)
        return f"{problem['field']}: {reason}" if problem.get("field") else reason
    except (ValueError, AttributeError):
        hint = f"; is {KEY_VARIABLE} set?" if error.code == 401 else ""
        return f"{error.reason}{hint}"
