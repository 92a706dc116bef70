"""The app settings of the local stack, with keys or without."""

import json
from collections.abc import Mapping
from pathlib import Path

POOL_ID = "local"
EVERY_SECOND = "* * * * * *"

_ALWAYS = {
    "FUNCTIONS_WORKER_RUNTIME": "python",
    "BATCHMGR_POOL_ID": POOL_ID,
    "BATCHMGR_CALLBACK_HOSTS": "127.0.0.1,localhost",
    "BATCHMGR_ALLOW_LOOPBACK_CALLBACKS": "true",
}


def settings_with_keys(
    *,
    connection_string: str,
    batch: Mapping[str, str],
    blob_source: str,
    poll_schedule: str = EVERY_SECOND,
) -> dict[str, str]:
    """Return the settings. `batch` is the fake Batch's `endpoint`, `account` and `key`."""
    return _ALWAYS | {
        "AzureWebJobsStorage": connection_string,
        "BATCHMGR_BATCH_ENDPOINT": batch["endpoint"],
        "BATCHMGR_BATCH_ACCOUNT": batch["account"],
        "BATCHMGR_BATCH_KEY": batch["key"],
        "BATCHMGR_BLOB_SOURCE": blob_source,
        "BATCHMGR_POLL_SCHEDULE": poll_schedule,
    }


def settings_without_keys(
    *,
    services: Mapping[str, str],
    client_id: str,
    node_identity: str,
    blob_source: str,
    poll_schedule: str = EVERY_SECOND,
) -> dict[str, str]:
    """Return the settings of an app that has an identity and no key, as in Azure.

    `services` are the URLs by kind: blob and queue, with the account, and batch. Without a `node_identity`,
    nodes get signatures.
    """
    settings = _ALWAYS | {
        "AzureWebJobsStorage__blobServiceUri": services["blob"],
        "AzureWebJobsStorage__queueServiceUri": services["queue"],
        "AzureWebJobsStorage__credential": "managedidentity",
        "AzureWebJobsStorage__clientId": client_id,
        "BATCHMGR_BATCH_ENDPOINT": services["batch"],
        "BATCHMGR_BLOB_SOURCE": blob_source,
        "BATCHMGR_POLL_SCHEDULE": poll_schedule,
    }
    return settings | ({"BATCHMGR_NODE_IDENTITY": node_identity} if node_identity else {})


def write_settings(file: Path, settings: Mapping[str, str]) -> None:
    """Write a settings file, as `func` and `batchmgr doctor` read it. Only its owner may read it."""
    file.touch(mode=0o600)
    file.write_text(json.dumps({"IsEncrypted": False, "Values": dict(settings)}, indent=2))
