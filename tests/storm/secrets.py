"""The secrets of a storm, each with a mark, and the search for them in all that the storm has left."""

import base64
import json
import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from urllib.parse import parse_qs

from azure.batch.aio import BatchClient
from azure.storage.blob.aio import BlobServiceClient
from azure.storage.queue.aio import QueueServiceClient

from batchmgr.adapters.queue_names import JOB_REQUESTS, POISON
from batchmgr.devstack.azurite import KEY
from tests.secret_search import AT_REST, Written, leaks, logged, stored
from tests.storm.job_kinds import Json

OF_CALLBACKS = "secret-of-a-receiver"
"""In the path and in the query of each callback URI."""

SIGNING = "signing-key-of-the-storm"
FUNCTION_KEY = "function-key-of-the-storm"

SETTINGS = {
    "BATCHMGR_CALLBACK_KEY": f"whsec_{base64.b64encode(SIGNING.encode()).decode()}",
    "AzureFunctionsJobHost__logging__logLevel__default": "Debug",
    "AzureFunctionsJobHost__logging__logLevel__Azure.Core": "Debug",
}
"""The settings of the hosts: with a key for callbacks, and with logs of all that the code says."""


async def find_leaks(
    *,
    blobs: BlobServiceClient,
    queues: QueueServiceClient,
    batch: BatchClient,
    batch_key: str,
    logs: Path,
    answers: Sequence[Json],
) -> list[str]:
    """Return where secrets were found. A callback URI may be in the request, as its sender has written it."""
    secrets = {
        "a callback URI": OF_CALLBACKS,
        "the key of callbacks": SIGNING,
        "the function key": FUNCTION_KEY,
        "the key of storage": KEY,
        "the key of Azure Batch": batch_key,
    }
    signatures = sorted([each async for each in _signatures(batch)])
    secrets |= {f"signature {number}": text for number, text in enumerate(signatures)}
    written = [each async for each in stored(blobs, queues, logs.parent / "azurite")]
    written += logged(logs, "host-*/*.log")
    written += [Written(place="an answer or event", content=json.dumps(each).encode()) for each in answers]
    return leaks(written, secrets, _may_hold)


def _may_hold(secret: str, place: str) -> bool:
    is_request = place.startswith(("batchmgr-jobs/requests/", "batchmgr-jobs/receivers/", AT_REST))
    return secret == "a callback URI" and (
        is_request or place in {f"queue {JOB_REQUESTS}", f"queue {JOB_REQUESTS}{POISON}"}
    )


async def _signatures(batch: BatchClient) -> AsyncIterator[str]:
    """Yield one signature of each job: those of its tasks are made at once, with the same key."""
    async for job in batch.list_jobs():
        async for task in batch.list_tasks(str(job.id)):
            if found := re.search(r"\?([^\"]*sig=[^\"]*)", json.dumps(task.as_dict())):
                yield parse_qs(found[1])["sig"][0]
                break
