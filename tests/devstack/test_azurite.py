import os
from pathlib import Path

import pytest
from azure.storage.blob.aio import BlobServiceClient
from azure.storage.queue.aio import QueueClient

from batchmgr.devstack.azurite import find_azurite, start_azurite
from batchmgr.devstack.child_processes import ChildProcesses
from batchmgr.devstack.project_paths import PROJECT
from batchmgr.errors import StackError


async def test_azurite_keeps_blobs_and_messages(processes: ChildProcesses, tmp_path: Path) -> None:
    azurite = await start_azurite(processes, project=PROJECT, data=tmp_path, environment=dict(os.environ))
    async with (
        BlobServiceClient.from_connection_string(azurite.connection_string) as blobs,
        QueueClient.from_connection_string(azurite.connection_string, "greetings") as queue,
    ):
        container = await blobs.create_container("here")
        await container.upload_blob("a.txt", b"hello")
        await queue.create_queue()
        await queue.send_message("hello")
        assert await (await container.download_blob("a.txt")).readall() == b"hello"
        assert [message.content async for message in queue.receive_messages()] == ["hello"]


async def test_a_port_in_use_is_named_in_the_error(processes: ChildProcesses, tmp_path: Path) -> None:
    environment = dict(os.environ)
    first = await start_azurite(processes, project=PROJECT, data=tmp_path, environment=environment)
    port = int(first.blob.split(":")[2].partition("/")[0])
    with pytest.raises(StackError, match=f"address already in use 127.0.0.1:{port}"):
        await start_azurite(
            processes, project=PROJECT, data=tmp_path, environment=environment, blob_port=port
        )


def test_a_missing_azurite_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "node").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StackError, match="make install"):
        find_azurite(tmp_path)


def test_a_missing_node_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StackError, match=r"Node\.js"):
        find_azurite(tmp_path)
