"""The contract of the JobList port."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from batchmgr.adapters.blob_job_list import BlobJobList
from batchmgr.errors import ServiceRefusedError
from batchmgr.model.job_entry import JobEntry, ListPart, key_of
from batchmgr.ports import Ports
from tests.contract.test_event_log import NOW
from tests.contract.test_job_store import record

ACTIVE, SUCCEEDED = ListPart.ACTIVE, ListPart.SUCCEEDED


def entry(ports: Ports, number: int, seconds: float = 0) -> JobEntry:
    """The entry of a job that was created so long after the others."""
    created = NOW + timedelta(seconds=seconds)
    return JobEntry.of(replace(record(ports, f"Job-{number}"), created_at=created, metadata={"a": "ü 😀 %"}))


async def numbers(ports: Ports, part: ListPart, limit: int = 2) -> list[str]:
    found, token = list[str](), ""
    while True:
        page, token = await ports.listing.page(part, limit, token)
        assert len(page) <= limit
        found += [one.job_id.removeprefix("Job-") for one in page]
        if not token:
            return found


async def test_entries_are_listed_as_they_were_added_the_newest_first(ports: Ports) -> None:
    entries = [entry(ports, 1, 0), entry(ports, 2, 3600), entry(ports, 3, 0.000001), entry(ports, 4, -86400)]
    await asyncio.gather(*(ports.listing.add(one) for one in entries))
    page, token = await ports.listing.page(ACTIVE, 10, "")
    assert list(page) == [entries[1], entries[2], entries[0], entries[3]]
    assert token == ""
    assert await ports.listing.keys(ACTIVE, "") == ([one.key for one in page], "")
    assert await numbers(ports, ACTIVE) == ["2", "3", "1", "4"]
    assert await numbers(ports, SUCCEEDED) == []


async def test_an_entry_is_written_again_and_removed_twice(ports: Ports) -> None:
    one = entry(ports, 1)
    await ports.listing.add(one)
    changed = replace(one, workload="other")
    await ports.listing.add(changed)
    assert list((await ports.listing.page(ACTIVE, 10, ""))[0]) == [changed]
    await ports.listing.remove(one.moved_to(SUCCEEDED))
    assert await numbers(ports, ACTIVE) == ["1"]
    for _ in range(2):
        await ports.listing.remove(one)
    assert await numbers(ports, ACTIVE) == []


async def test_a_token_stays_good_while_entries_come_and_go(ports: Ports) -> None:
    for number in range(6):
        await ports.listing.add(entry(ports, number, -number))
    first, token = await ports.listing.page(ACTIVE, 3, "")
    await ports.listing.remove(entry(ports, 2, -2))
    await ports.listing.remove(entry(ports, 3, -3))
    await ports.listing.add(entry(ports, 9, 9))
    await ports.listing.add(entry(ports, 8, -4.5))
    rest, end = await ports.listing.page(ACTIVE, 10, token)
    assert [one.job_id for one in (*first, *rest)] == [f"Job-{n}" for n in (0, 1, 2, 4, 8, 5)]
    assert end == ""


async def test_metadata_of_any_size_and_letters_come_back_or_are_left_to_the_record(ports: Ports) -> None:
    for size, letter in ((1_300, "ü"), (8_000, "x"), (8_000, "ü")):
        one = replace(entry(ports, 1), metadata={"key with spaces": letter * size})
        await ports.listing.add(one)
        [found] = (await ports.listing.page(ACTIVE, 10, ""))[0]
        assert (found.key, found.job_id, found.created_at) == (one.key, "Job-1", NOW)
        assert found.metadata in ({} if found.workload else None, one.metadata)


async def test_a_token_that_is_none_is_refused(ports: Ports) -> None:
    await ports.listing.add(entry(ports, 1))
    if isinstance(ports.listing, BlobJobList):
        pytest.skip("Azurite takes any text for the name of a blob")
    with pytest.raises(ServiceRefusedError, match="token"):
        await ports.listing.page(ACTIVE, 10, "no token")


@pytest.mark.parametrize("year", [1970, 2026, 9999])
def test_a_key_says_when_the_job_was_created(year: int) -> None:
    time = datetime(year, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    assert JobEntry.of_key("0" * 18 + "-a", ACTIVE) is not None  # later than any time
    read = JobEntry.of_key(key_of("A_b-1", time), SUCCEEDED)
    assert read is not None
    assert (read.job_id, read.created_at, read.part) == ("a_b-1", time, SUCCEEDED)
    assert JobEntry.of_key("job-1", ACTIVE) is None
