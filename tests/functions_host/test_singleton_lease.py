"""A singleton lease is held by one host at a time."""

import asyncio
import platform
import sys

import pytest
from azure.storage.blob.aio import BlobLeaseClient, ContainerClient

from functions_host.singleton_lease import LeaseTimes, SingletonLease
from functions_host.unhandled_errors import UnhandledErrors
from tests.functions_host.storage_account import StorageAccount, until

SHORT = LeaseTimes(duration=15, recovery_interval=0.2)
PATIENT = LeaseTimes(duration=15, recovery_interval=0.2, patient=True)


def lease_in(
    container: ContainerClient, times: LeaseTimes = SHORT, errors: UnhandledErrors | None = None
) -> SingletonLease:
    return SingletonLease(container, "one", times=times, errors=errors or UnhandledErrors())


async def acquired_by(container: ContainerClient, process: int) -> BlobLeaseClient:
    """Acquire the lease, and record that this process of this machine holds it."""
    blob = container.get_blob_client("one")
    await blob.upload_blob(b"")
    lease = await blob.acquire_lease(15)
    metadata = {"machine": platform.node(), "process": str(process), "lease": lease.id}
    await blob.set_blob_metadata(metadata, lease=lease)
    return lease


async def dead_process() -> int:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
    await process.wait()
    return process.pid


async def test_a_lease_is_held_by_one_and_taken_over_when_given_back(storage: StorageAccount) -> None:
    container = await storage.blobs.create_container("locks")
    first, second = lease_in(container), lease_in(container)
    await first.start()
    await second.start()
    assert first.held.is_set()
    assert not second.held.is_set()
    await first.stop()
    await until(second.held.wait)
    await second.stop()


async def test_eight_hosts_that_start_at_once_without_a_container_agree_on_one(
    storage: StorageAccount,
) -> None:
    errors = UnhandledErrors()
    container = storage.blobs.get_container_client("locks")
    leases = [lease_in(container, LeaseTimes(), errors) for _ in range(8)]
    await asyncio.gather(*(lease.start() for lease in leases))
    assert [lease.held.is_set() for lease in leases].count(True) == 1
    assert errors.messages == []
    await asyncio.gather(*(lease.stop() for lease in leases))


async def test_a_host_asks_again_only_after_the_recovery_interval(storage: StorageAccount) -> None:
    container = await storage.blobs.create_container("locks")
    first, second = lease_in(container), lease_in(container, LeaseTimes(recovery_interval=60))
    await first.start()
    await second.start()
    await first.stop()
    await asyncio.sleep(1)
    assert not second.held.is_set()
    await second.stop()


@pytest.mark.host_recordings  # a lease lasts fifteen seconds
async def test_a_host_that_loses_its_lease_reports_it_and_acquires_it_again(storage: StorageAccount) -> None:
    errors = UnhandledErrors()
    container = await storage.blobs.create_container("locks")
    lease = lease_in(container, SHORT, errors)
    await lease.start()
    blob = container.get_blob_client("one")
    await BlobLeaseClient(blob).break_lease(0)
    other = await blob.acquire_lease(15)
    await until(errors.occurred.wait)
    assert not lease.held.is_set()
    assert "'one'" in errors.messages[0]
    await other.release()
    await until(lease.held.wait)
    await lease.stop()


async def test_a_patient_host_releases_the_lease_of_a_process_that_no_longer_runs(
    storage: StorageAccount,
) -> None:
    container = await storage.blobs.create_container("locks")
    await acquired_by(container, await dead_process())
    lease = lease_in(container, PATIENT)
    await lease.start()
    assert lease.held.is_set()
    await lease.stop()


async def test_a_patient_host_leaves_the_lease_of_a_running_process_alone(storage: StorageAccount) -> None:
    container = await storage.blobs.create_container("locks")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "input()", stdin=asyncio.subprocess.PIPE
    )
    await acquired_by(container, process.pid)
    lease = lease_in(container, PATIENT)
    await lease.start()
    assert not lease.held.is_set()
    await lease.stop()
    process.kill()
    await process.wait()


async def test_a_patient_host_leaves_a_lease_alone_whose_owner_is_not_the_recorded_one(
    storage: StorageAccount,
) -> None:
    container = await storage.blobs.create_container("locks")
    recorded = await acquired_by(container, await dead_process())
    await recorded.release()
    # A host that is not patient does not record that it has acquired the lease since.
    present = await container.get_blob_client("one").acquire_lease(15)
    lease = lease_in(container, PATIENT)
    await lease.start()
    assert not lease.held.is_set()
    await lease.stop()
    await present.renew()


async def test_two_patient_hosts_in_one_process_share_a_lease(storage: StorageAccount) -> None:
    container = await storage.blobs.create_container("locks")
    first, second = lease_in(container, PATIENT), lease_in(container, PATIENT)
    await first.start()
    await second.start()
    assert first.held.is_set()
    assert not second.held.is_set()
    await first.stop()
    await until(second.held.wait)
    await second.stop()
