"""A singleton lease is held by one host at a time."""

from functions_host.singleton_lease import SingletonLease
from tests.functions_host.storage_account import StorageAccount, until


async def test_a_lease_is_held_by_one_and_taken_over_when_given_back(storage: StorageAccount) -> None:
    container = await storage.blobs.create_container("locks")
    first, second = (SingletonLease(container.get_blob_client("one")) for _ in range(2))
    await first.start()
    await second.start()
    assert first.held.is_set()
    assert not second.held.is_set()
    await first.stop()
    await until(second.held.wait)
    await second.stop()
