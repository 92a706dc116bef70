"""A job whose data is in a second storage account, with Azurite's accounts and real tasks."""

from collections.abc import Callable
from pathlib import Path

import pytest
from azure.storage.blob.aio import BlobServiceClient

from batchmgr.errors import InvalidJobError
from tests.integration.emulated_services import start_services, succeeded
from tests.integration.messages import output


async def test_files_without_an_account_are_in_the_data_account_and_batchmgrs_own_keeps_only_its_own(
    tmp_path: Path, azurite_accounts: Callable[[], str]
) -> None:
    own, other = azurite_accounts(), azurite_accounts()
    factory = {
        "type": "taskPerFile",
        "source": {"containerName": "words"},
        "repeatTask": {
            "commandLine": "/bin/sh -c 'wc -c < $1 > count && cp count kept' sh {name}",
            "outputFiles": [
                output("count", "counts/{name}", containerName="counts"),
                output("kept", "kept/{name}"),
            ],
        },
    }
    async with (
        BlobServiceClient.from_connection_string(other) as data,
        start_services(tmp_path, own, data=other) as services,
    ):
        words = await data.create_container("words")
        for name in ("a.txt", "b.txt"):
            await words.upload_blob(name, b"alpha\n")
        record = await services.run({"jobId": "j", "tasks": [], "taskFactory": factory})
        assert succeeded(record), record.error
        counts = [name async for name in data.get_container_client("counts").list_blob_names()]
        kept = [name async for name in services.blobs.get_container_client("job-j").list_blob_names()]
        assert (counts, kept) == (["counts/a.txt", "counts/b.txt"], ["kept/a.txt", "kept/b.txt"])
        containers = {one.name async for one in services.blobs.list_containers()}
        assert {name for name in containers if not name.startswith("batchmgr-")} == {"job-j"}
        assert {uri.uri.rpartition("/counts/")[0] for uri in record.results if "/counts/" in uri.uri} == {
            f"{data.url.rstrip('/')}/counts"
        }
        stolen = output("a", containerName="words", storageAccountName=services.blobs.account_name)
        with pytest.raises(InvalidJobError, match="leave storageAccountName out") as caught:
            await services.submit(
                {"jobId": "k", "tasks": [{"id": "t", "commandLine": "true", "outputFiles": [stolen]}]}
            )
        assert caught.value.field == "tasks[0].outputFiles[0].containerName"
