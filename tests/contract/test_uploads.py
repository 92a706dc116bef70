"""The contract of the Uploads port."""

from datetime import timedelta

import pytest

from batchmgr.errors import InvalidJobError
from tests.contract.port_sets import PortSet

HOUR = timedelta(hours=1)


async def test_what_is_uploaded_to_the_url_is_read_under_its_name(port_set: PortSet) -> None:
    url = await port_set.ports.uploads.grant("one", HOUR)
    assert await port_set.ports.uploads.read("one", 100) is None
    await port_set.put(url, b"content")
    assert await port_set.ports.uploads.read("one", 100) == b"content"
    assert await port_set.ports.uploads.read("two", 100) is None


async def test_an_upload_that_is_too_large_is_refused_and_not_read(port_set: PortSet) -> None:
    await port_set.put(await port_set.ports.uploads.grant("one", HOUR), b"x" * 101)
    with pytest.raises(InvalidJobError, match="101 bytes, more than 100") as caught:
        await port_set.ports.uploads.read("one", 100)
    assert caught.value.field == "uploadedRequest"
