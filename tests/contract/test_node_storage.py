"""What the use cases rely on in the storage that nodes reach."""

from datetime import timedelta

import pytest

from batchmgr.errors import ServiceNotFoundError
from batchmgr.plan.files import ContainerNeed
from batchmgr.ports import Ports
from tests.contract.port_sets import Side

FILES = ContainerNeed(container_name="files")


async def listed(ports: Ports, prefix: str = "", need: ContainerNeed = FILES) -> list[str]:
    return [name async for name in ports.storage.list_blobs(need, prefix)]


async def test_blobs_are_listed_in_order_with_their_whole_names(side: Side) -> None:
    names = ["b/2 ü.txt", "a.txt", "b/1#?.txt", "b/c/x;y'z.txt", "bb.txt"]
    await side.upload("files", names)
    assert await listed(side.ports) == sorted(names)
    assert await listed(side.ports, "b/") == ["b/1#?.txt", "b/2 ü.txt", "b/c/x;y'z.txt"]
    assert await listed(side.ports, "b") == [*sorted(names)[1:]]
    assert await listed(side.ports, "c") == []


async def test_markers_of_directories_are_no_blobs(side: Side) -> None:
    await side.upload("files", ["a/", "a/b.txt"])
    assert await listed(side.ports) == ["a/b.txt"]


async def test_a_container_that_is_not_there_is_told_from_an_empty_one(side: Side) -> None:
    await side.upload("files", [])
    assert await listed(side.ports) == []
    with pytest.raises(ServiceNotFoundError):
        await listed(side.ports, need=ContainerNeed(container_name="nowhere"))


async def test_an_unsigned_grant_is_the_grant_without_its_signature_and_makes_nothing(side: Side) -> None:
    written = ContainerNeed(container_name="out", is_written=True)
    unsigned = side.ports.storage.unsigned_access(written, nodes_have_identity=True)
    assert unsigned.query == ""
    signed = (await side.ports.storage.grant_access([written], timedelta(hours=1), nodes_have_identity=True))[
        written
    ]
    assert (signed.url, signed.identity_reference) == (unsigned.url, unsigned.identity_reference)
