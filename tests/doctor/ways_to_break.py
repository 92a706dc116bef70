"""Steps that break a local set-up, or mend it."""

import base64
from collections.abc import Callable
from urllib.parse import urlsplit

from azure.batch import models
from azure.storage.blob.aio import BlobServiceClient
from azure.storage.queue.aio import QueueServiceClient

from batchmgr.devstack.tcp_ports import free_port
from tests.doctor.broken import Step as BrokenStep
from tests.doctor.conftest import SetUp
from tests.integration.wait_until import until

Step = BrokenStep[SetUp]
OTHER_KEY = base64.b64encode(b"another key").decode()


def put(name: str, value: str) -> Step:
    async def step(set_up: SetUp) -> None:
        set_up.environment[name] = value

    return step


def drop(*names: str) -> Step:
    async def step(set_up: SetUp) -> None:
        for name in names:
            set_up.environment.pop(name, None)

    return step


def write_down(name: str, value: str) -> Step:
    async def step(set_up: SetUp) -> None:
        set_up.environment[name] = value
        set_up.listed.add(name)

    return step


def change_storage(old: str, new: Callable[[], str], setting: str = "AzureWebJobsStorage") -> Step:
    """Replace a part of the connection string, up to the next semicolon, and set it as a setting."""

    async def step(set_up: SetUp) -> None:
        parts = set_up.environment["AzureWebJobsStorage"].split(";")
        changed = [f"{old}={new()}" if part.startswith(f"{old}=") else part for part in parts]
        set_up.environment[setting] = ";".join(changed)

    return step


async def remove_container(set_up: SetUp) -> None:
    async with BlobServiceClient.from_connection_string(set_up.environment["AzureWebJobsStorage"]) as blobs:
        await blobs.delete_container("batchmgr-events")


async def remove_queue(set_up: SetUp) -> None:
    async with QueueServiceClient.from_connection_string(set_up.environment["AzureWebJobsStorage"]) as queues:
        await queues.delete_queue("batchmgr-callbacks")


async def poison(set_up: SetUp) -> None:
    text = set_up.environment["AzureWebJobsStorage"]
    async with QueueServiceClient.from_connection_string(text) as queues:
        await queues.get_queue_client("batchmgr-callbacks-poison").send_message("{}")


async def give_blobs_up(set_up: SetUp) -> None:
    text = set_up.environment["AzureWebJobsStorage"]
    async with QueueServiceClient.from_connection_string(text) as queues:
        queue = await queues.create_queue("webjobs-blobtrigger-poison")
        await queue.send_message("{}")
        await queue.send_message("{}")


async def restart_the_app(set_up: SetUp) -> None:
    await set_up.prepare()


async def nobody_at_batch(set_up: SetUp) -> None:
    set_up.environment["BATCHMGR_BATCH_ENDPOINT"] = f"http://127.0.0.1:{free_port()}"


async def storage_as_batch(set_up: SetUp) -> None:
    parts = set_up.environment["AzureWebJobsStorage"].split("BlobEndpoint=")[1].split(";")[0]
    set_up.environment["BATCHMGR_BATCH_ENDPOINT"] = f"http://{urlsplit(parts).netloc}"


def resize(nodes: int) -> Step:
    async def step(set_up: SetUp) -> None:
        await set_up.batch.begin_resize_pool(
            "local", models.BatchPoolResizeOptions(target_dedicated_nodes=nodes)
        )

        async def is_steady() -> bool:
            pool = await set_up.batch.get_pool("local")
            return pool.allocation_state == "steady" and pool.current_dedicated_nodes == nodes

        await until(is_steady)

    return step


async def disable_nodes(set_up: SetUp) -> None:
    async for node in set_up.batch.list_nodes("local"):
        options = models.BatchNodeDisableSchedulingOptions(node_disable_scheduling_option="requeue")
        await set_up.batch.disable_node_scheduling("local", node.id, options)


async def enable_nodes(set_up: SetUp) -> None:
    async for node in set_up.batch.list_nodes("local"):
        await set_up.batch.enable_node_scheduling("local", node.id)


def pool_with(**properties: object) -> Step:
    """Make another pool, and let jobs use it."""

    async def step(set_up: SetUp) -> None:
        pool = {
            "id": "broken",
            "vmSize": "standard_d2s_v5",
            "targetDedicatedNodes": 1,
            "virtualMachineConfiguration": {
                "imageReference": {
                    "publisher": "canonical",
                    "offer": "ubuntu-24_04-lts",
                    "sku": "server",
                },
                "nodeAgentSKUId": "batch.node.ubuntu 24.04",
            },
            **properties,
        }
        await set_up.batch.create_pool(models.BatchPoolCreateOptions(pool))
        set_up.environment["BATCHMGR_POOL_ID"] = "broken"

        async def is_settled() -> bool:
            found = await set_up.batch.get_pool("broken")
            nodes = [node.state async for node in set_up.batch.list_nodes("broken")]
            busy = {"creating", "starting", "waitingforstarttask"}
            return found.allocation_state == "steady" and not busy & set(map(str, nodes))

        await until(is_settled)

    return step
