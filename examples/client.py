"""A small client of batchmgr, for the examples: copies files to and from storage, and runs jobs.

    .venv/bin/python examples/client.py upload CONTAINER FILE|FOLDER ...
    .venv/bin/python examples/client.py run JOB.json
    .venv/bin/python examples/client.py download CONTAINER FOLDER

`run` sends the job message, prints the job's events, and ends with the job. Its exit code is 1 if the job
did not succeed. It talks to the local stack, or to the app at BATCHMGR_URL with the function key
BATCHMGR_FUNCTION_KEY.

`upload` creates the container if it does not exist. It uses the storage account of
AZURE_STORAGE_CONNECTION_STRING, or else the local stack's. In Azure, `az storage blob upload-batch` and
`download-batch` do the same.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from azure.storage.blob import BlobServiceClient, ContainerClient

FINAL = {"succeeded", "partial", "failed", "cancelled", "timed_out", "rejected"}
PAUSE_S = 0.5


def upload(container: ContainerClient, sources: list[Path]) -> None:
    """Upload files, and all files of folders. In a folder, they keep their names below it."""
    if not container.exists():
        container.create_container()
    for source in sources:
        for file, name in named_files(source):
            container.upload_blob(name, file.read_bytes(), overwrite=True)
            print(f"{container.container_name}/{name}")


def named_files(source: Path) -> Iterator[tuple[Path, str]]:
    """Yield each file and the name of its blob."""
    if not source.is_dir():
        yield source, source.name
        return
    for file in sorted(source.rglob("*")):
        if file.is_file():
            yield file, file.relative_to(source).as_posix()


def download(container: ContainerClient, folder: Path) -> None:
    """Download all blobs of the container."""
    for name in container.list_blob_names():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(container.download_blob(name).readall())
        print(file)


def run(message: Path) -> str:
    """Send a job message, print the job's events as they come, and return its final state."""
    job = call(f"{os.environ.get('BATCHMGR_URL', 'http://127.0.0.1:7071')}/api/jobs", message.read_bytes())
    print(f"job {job['jobId']}")
    seen = 0
    while True:
        page = call(f"{job['eventsUri']}?after={seen}")
        for event in page["events"]:
            kind = str(event["type"]).removeprefix("batchmgr.")
            print(line_of(kind, event["data"]), flush=True)
            if kind.removeprefix("job.") in FINAL:
                for each in call(job["resultUri"])["taskResults"]:
                    print(f"result of {each['taskId']}: {json.dumps(each['result'], ensure_ascii=False)}")
                return kind.removeprefix("job.")
        seen = page["last"]
        time.sleep(PAUSE_S)


def line_of(kind: str, data: dict[str, Any]) -> str:
    """Return what an event says, on one line."""
    parts = [
        data.get("displayName") or data.get("taskId"),
        data.get("error", {}).get("message"),
        data.get("reason"),
    ]
    if kind == "job.progress":
        parts.append(f"{data['counts']['completed']} of {data['total']} tasks")
    return f"{kind:<15} {': '.join(filter(None, parts))}".rstrip()


def call(url: str, body: bytes | None = None) -> Any:
    """POST a body, or GET without one. Return the JSON of the answer. End the program if it is an error."""
    headers = {
        "Content-Type": "application/json",
        "x-functions-key": os.environ.get("BATCHMGR_FUNCTION_KEY", ""),
    }
    try:
        with urlopen(Request(url, data=body, headers=headers), timeout=60) as answer:
            return json.load(answer)
    except HTTPError as error:
        sys.exit(f"{error.code} {error.read().decode(errors='replace')}")


def main(command: str = "", *arguments: str) -> int:
    """Run one command. Return the exit code."""
    if command == "run" and len(arguments) == 1:
        return int(run(Path(arguments[0])) != "succeeded")
    if command not in ("upload", "download") or len(arguments) < 2:
        sys.exit(__doc__)
    name, *paths = arguments
    account = os.environ.get("AZURE_STORAGE_CONNECTION_STRING", "UseDevelopmentStorage=true")
    with BlobServiceClient.from_connection_string(account) as storage:
        container = storage.get_container_client(name)
        if command == "upload":
            upload(container, [Path(path) for path in paths])
        else:
            download(container, Path(paths[0]))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
