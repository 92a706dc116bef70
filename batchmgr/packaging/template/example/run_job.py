"""Runs the example as a job of a batchmgr: uploads its texts, sends the job, waits for its end.

By default on the local stack. In Azure, give the two addresses, and set BATCHMGR_FUNCTION_KEY to a function
key of the app:

    python example/run_job.py https://APP.azurewebsites.net https://ACCOUNT.blob.core.windows.net

The exit code is 1 if the job did not succeed within half an hour.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from azure.identity import DefaultAzureCredential
from azure.storage.blob import BlobServiceClient

EXAMPLE = Path(__file__).parent
LOCAL_STACK = "http://127.0.0.1:7071"
TIMEOUT_S = 1800


def open_storage(address: str) -> BlobServiceClient:
    """Return a client of this storage account, or of the local stack's if there is no address."""
    if address:
        return BlobServiceClient(address, DefaultAzureCredential())
    return BlobServiceClient.from_connection_string(
        os.environ.get("AZURE_STORAGE_CONNECTION_STRING", "UseDevelopmentStorage=true")
    )


def upload_texts(storage: BlobServiceClient) -> None:
    """Upload the files in `texts` to the container `texts`."""
    container = storage.get_container_client("texts")
    if not container.exists():
        container.create_container()
    for text in (EXAMPLE / "texts").iterdir():
        container.upload_blob(text.name, text.read_bytes(), overwrite=True)


def call(url: str, body: object = None) -> tuple[int, Any]:
    """POST a body, or GET without one. Return the status and the JSON of the answer."""
    headers = {
        "Content-Type": "application/json",
        "x-functions-key": os.environ.get("BATCHMGR_FUNCTION_KEY", ""),
    }
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(url, data=data, headers=headers), timeout=60) as answer:
        return answer.status, json.load(answer)


def run_job(batchmgr: str, storage_address: str) -> str:
    """Run the job, print its outcome, and return its state."""
    with open_storage(storage_address) as storage:
        upload_texts(storage)
    inputs = json.loads((EXAMPLE / "inputs.json").read_text(encoding="utf-8"))
    _, job = call(f"{batchmgr}/api/jobs", {"workload": "my_workload", "inputs": inputs})
    print(f"job {job['jobId']} was accepted")
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        status, outcome = call(job["resultUri"])
        if status == 200:  # 202 until the job has ended
            print(json.dumps(outcome, indent=2))
            return str(outcome["state"])
        time.sleep(1)
    return "not ended"


if __name__ == "__main__":
    app, account = [*sys.argv[1:], "", ""][:2]
    state = run_job(app or os.environ.get("BATCHMGR_URL", LOCAL_STACK), account)
    sys.exit(state != "succeeded")
