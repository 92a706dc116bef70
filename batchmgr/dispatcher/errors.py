"""What can be wrong with a local run, besides the job itself."""

from batchmgr.errors import BatchmgrError


class LocalRunError(BatchmgrError):
    """The run can't begin as it was asked for. The message says what to do."""
