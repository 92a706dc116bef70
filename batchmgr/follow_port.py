"""The port of those who wait for what happens to jobs. Its conventions are those of `ports.py`."""

from typing import Protocol

from batchmgr.model.job_record import JobRecord


class Followers(Protocol):
    """Calls of this process that wait until a job changes. However many wait for one job, it is read once."""

    async def changed(self, record: JobRecord, etag: str) -> tuple[JobRecord, str]:
        """Wait until the record of the job is another than this one, and return it with its ETag.

        Raise JobNotFoundError if the job is deleted meanwhile.
        """
        ...
