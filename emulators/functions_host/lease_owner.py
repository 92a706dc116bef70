"""The owner of a lease: lets a host release the lease of a process that no longer runs.

The holder of a lease writes its machine, its process id and the lease id to the metadata of the leased blob.
Another host on the same machine that finds no such process releases the lease. Storage refuses that if
somebody else has acquired the lease since. The real host has nothing like it.
"""

import logging
import os
import platform
from pathlib import Path

from azure.core.exceptions import AzureError
from azure.storage.blob.aio import BlobClient, BlobLeaseClient

_MACHINE, _PROCESS, _LEASE = "machine", "process", "lease"

_recorded: set[str] = set()
"""The ids of the leases that this process recorded, for several hosts in one process."""

_log = logging.getLogger(__name__)


async def record_owner(blob: BlobClient, lease: BlobLeaseClient) -> None:
    """Write to a blob's metadata that this process holds its lease. Raises AzureError."""
    metadata = {_MACHINE: platform.node(), _PROCESS: str(os.getpid()), _LEASE: lease.id}
    _recorded.add(lease.id)
    await blob.set_blob_metadata(metadata, lease=lease)


async def release_if_owner_died(blob: BlobClient) -> bool:
    """Release the lease of a blob if its owner was a process of this machine that no longer runs.

    Return whether the lease was released. A process that replaced itself (exec) counts as gone, although it
    has kept its id.
    """
    try:
        metadata = (await blob.get_blob_properties()).metadata or {}
        lease, process = metadata.get(_LEASE, ""), metadata.get(_PROCESS, "")
        if metadata.get(_MACHINE) != platform.node() or not process.isdecimal():
            return False
        if lease in _recorded or _runs(int(process)):
            return False
        await BlobLeaseClient(blob, lease).release()
    except AzureError as error:
        _log.debug("The lease of '%s' is somebody else's: %s", blob.blob_name, error)
        return False
    return True


def _runs(process: int) -> bool:
    if process == os.getpid():
        return False
    if os.name != "posix":
        return True  # Signal 0 does not ask there, it ends the process.
    try:
        os.kill(process, 0)
        return not _is_zombie(process)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # It belongs to another user.


def _is_zombie(process: int) -> bool:
    """Return whether a process has ended, and only its parent does not know it yet. Only Linux tells."""
    try:
        status = Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return status.rpartition(")")[2].split()[:1] == ["Z"]
