"""The contract of the NodeStorage port."""

from datetime import timedelta

import pytest

from batchmgr.errors import ServiceNotFoundError
from batchmgr.plan.file_specifications import ContainerNeed
from batchmgr.ports import Ports
from tests.contract.port_sets import PortSet

FILES = ContainerNeed(container_name="files")


async def listed(ports: Ports, prefix: str = "", need: ContainerNeed = FILES) -> list[str]:
    return [name async for name in ports.storage.list_blobs(need, prefix)]


async def test_blobs_are_listed_in_order_with_their_whole_names(port_set: PortSet) -> None:
    names = ["b/2 ü.txt", "a.txt", "b/1#?.txt", "b/c/x;y'z.txt", "bb.txt"]
    await port_set.upload("files", names)
    assert await listed(port_set.ports) == sorted(names)
    assert await listed(port_set.ports, "b/") == ["b/1#?.txt", "b/2 ü.txt", "b/c/x;y'z.txt"]
    assert await listed(port_set.ports, "b") == [*sorted(names)[1:]]
    assert await listed(port_set.ports, "c") == []


async def test_directory_markers_are_not_listed(port_set: PortSet) -> None:
    await port_set.upload("files", ["a/", "a/b.txt"])
    assert await listed(port_set.ports) == ["a/b.txt"]


async def test_a_missing_container_is_not_found_and_an_empty_one_lists_nothing(port_set: PortSet) -> None:
    await port_set.upload("files", [])
    assert await listed(port_set.ports) == []
    with pytest.raises(ServiceNotFoundError):
        await listed(port_set.ports, need=ContainerNeed(container_name="nowhere"))


async def test_unsigned_access_is_the_access_without_its_signature_and_creates_nothing(
    port_set: PortSet,
) -> None:
    written = ContainerNeed(container_name="out", is_written=True)
    unsigned = port_set.ports.storage.unsigned_access(written, nodes_have_identity=True)
    assert unsigned.query == ""
    signed = (
        await port_set.ports.storage.grant_access(
            "job-1", [written], timedelta(hours=1), nodes_have_identity=True
        )
    )[written]
    assert (signed.url, signed.identity_reference) == (unsigned.url, unsigned.identity_reference)
