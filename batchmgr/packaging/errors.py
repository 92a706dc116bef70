"""What can go wrong with a workload package."""

from batchmgr.errors import BatchmgrError


class PackageError(BatchmgrError):
    """A workload package cannot be written, built or published. The message says what to change."""
