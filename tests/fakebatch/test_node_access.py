"""The users, the address, the logs, the extensions and the files of nodes, and the files of tasks."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from azure.batch import models
from azure.batch.aio import BatchClient
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import ContainerSasPermissions, generate_container_sas
from azure.storage.blob.aio import BlobServiceClient

from tests.fakebatch.driving import add_job, add_task, ended, shell, text_of, until
from tests.fakebatch.raw_http import request


async def _node(batch: BatchClient, pool_id: str = "one") -> str:
    async def allocated() -> bool:
        return bool([node async for node in batch.list_nodes(pool_id)])

    await until(allocated)
    return [node.id async for node in batch.list_nodes(pool_id)].pop()


async def test_users_are_added_changed_and_removed(batch: BatchClient) -> None:
    node = await _node(batch)
    user = models.BatchNodeUserCreateOptions(name="Ann", is_admin=True, password="s3cret")
    await batch.create_node_user("one", node, user)
    with pytest.raises(ResourceExistsError, match="NodeUserExists"):
        await batch.create_node_user("one", node, models.BatchNodeUserCreateOptions(name="ann"))
    change = models.BatchNodeUserReplaceOptions(ssh_public_key="key", expiry_time=datetime.now(UTC))
    await batch.replace_node_user("one", node, "Ann", change)
    await batch.delete_node_user("one", node, "ANN")
    with pytest.raises(ResourceNotFoundError, match="NodeUserNotFound"):
        await batch.delete_node_user("one", node, "Ann")
    with pytest.raises(ResourceNotFoundError, match="NodeNotFound"):
        await batch.create_node_user("one", "none", user)


async def test_a_node_has_an_address_for_remote_login(batch: BatchClient) -> None:
    node_id = await _node(batch)
    settings = await batch.get_node_remote_login_settings("one", node_id)
    node = await batch.get_node("one", node_id)
    assert node.endpoint_configuration is not None
    [ssh] = node.endpoint_configuration.inbound_endpoints
    assert (ssh.name, ssh.public_ip_address, ssh.frontend_port) == ("SSHRule.0", node.ip_address, 50000)
    assert (settings.remote_login_ip_address, settings.remote_login_port) == (node.ip_address, 50000)


async def test_the_extensions_of_a_pool_are_on_its_nodes_without_their_secrets(
    endpoint: str, batch: BatchClient
) -> None:
    extension = {
        "name": "monitor",
        "publisher": "p",
        "type": "t",
        "settings": {"a": "b"},
        "protectedSettings": {"key": "s3cret"},
    }
    pool = {
        "id": "extended",
        "vmSize": "small",
        "targetDedicatedNodes": 1,
        "virtualMachineConfiguration": {
            "imageReference": {"publisher": "p", "offer": "o", "sku": "s"},
            "nodeAgentSKUId": "batch.node.ubuntu 22.04",
            "extensions": [extension],
        },
    }
    assert (await request(endpoint, "POST", "/pools", pool)).status == 201
    node = await _node(batch, "extended")
    [shown] = [shown async for shown in batch.list_node_extensions("extended", node)]
    assert shown.vm_extension is not None
    assert (shown.vm_extension.name, shown.vm_extension.settings) == ("monitor", {"a": "b"})
    assert shown.vm_extension.protected_settings is None
    alone = await batch.get_node_extension("extended", node, "monitor")
    assert alone.vm_extension == shown.vm_extension
    with pytest.raises(ResourceNotFoundError, match="ResourceNotFound"):
        await batch.get_node_extension("extended", node, "none")


async def test_the_logs_about_a_node_are_uploaded(
    batch: BatchClient, blobs: BlobServiceClient, connection_string: str
) -> None:
    await add_job(batch, pool_id="one")
    await add_task(batch, "t", "true")
    await ended(batch, "t")
    name = f"logs-{uuid4()}"
    container = await blobs.create_container(name)
    sas = generate_container_sas(
        str(blobs.account_name),
        name,
        account_key=blobs.credential.account_key,
        permission=ContainerSasPermissions(write=True, create=True),
        expiry=datetime.now(UTC) + timedelta(hours=1),
    )
    result = await batch.upload_node_logs(
        "one",
        await _node(batch),
        models.UploadBatchServiceLogsOptions(
            container_url=f"{container.url}?{sas}", start_time=datetime.now(UTC) - timedelta(minutes=5)
        ),
    )
    assert result.number_of_files_uploaded == 1
    blob = container.get_blob_client(f"{result.virtual_directory_name}/agent-debug.log")

    async def uploaded() -> bool:
        return await blob.exists()

    await until(uploaded)
    text = (await (await blob.download_blob()).readall()).decode()
    assert "task job/t started" in text
    assert "task job/t ended: success, exit code 0" in text


async def test_the_files_of_a_node_are_those_of_its_tasks_too(batch: BatchClient) -> None:
    await add_job(batch, pool_id="one")
    await add_task(batch, "t", "echo hello")
    await ended(batch, "t")
    node = await _node(batch)
    assert "workitems" in [file.name async for file in batch.list_node_files("one", node)]
    path = "workitems/job/job-1/t/stdout.txt"
    assert path in [file.name async for file in batch.list_node_files("one", node, recursive=True)]
    stream = await batch.download_node_file("one", node, path)
    assert b"".join([part async for part in stream]) == b"hello\n"
    properties = await batch.get_node_file_properties("one", node, path)
    assert (properties.content_length, properties.file_mode) == (6, "0o100644")
    await batch.delete_node_file("one", node, path)
    with pytest.raises(ResourceNotFoundError):
        await text_of(batch, "t")


async def test_the_files_of_a_task_are_removed(batch: BatchClient) -> None:
    await add_job(batch, pool_id="one")
    await add_task(batch, "t", shell("mkdir -p deep/deeper; touch a deep/b"))
    await ended(batch, "t")
    await batch.delete_task_file("job", "t", "wd/a")
    with pytest.raises(HttpResponseError, match="IOError"):
        await batch.delete_task_file("job", "t", "wd/deep")
    await batch.delete_task_file("job", "t", "wd/deep", recursive=True)
    left = [file.name async for file in batch.list_task_files("job", "t", recursive=True)]
    assert left == ["stderr.txt", "stdout.txt", "wd"]
    with pytest.raises(ResourceNotFoundError, match="FileNotFound"):
        await batch.delete_task_file("job", "t", "wd/a")


@pytest.mark.parametrize("path", ["..%2F..", "%2F", "wd%2F..%2F..%2F..", "none"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
async def test_nothing_outside_of_a_directory_is_a_file_of_it(
    endpoint: str, batch: BatchClient, path: str, method: str
) -> None:
    await add_job(batch, pool_id="one")
    await add_task(batch, "t", "true")
    await ended(batch, "t")
    assert (await request(endpoint, method, f"/jobs/job/tasks/t/files/{path}")).status == 404
    node = await _node(batch)
    outside = f"/pools/one/nodes/{node}/files/workitems%2F..%2F..%2F{path}"
    assert (await request(endpoint, method, outside)).status == 404
