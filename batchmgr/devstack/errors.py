"""What can go wrong with the parts that run on this machine."""

from batchmgr.errors import BatchmgrError


class StackError(BatchmgrError):
    """A part of the local stack cannot be started, or ended by itself. The message says what to do."""
