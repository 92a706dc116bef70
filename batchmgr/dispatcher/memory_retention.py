"""The ports of the retention in memory. A local run ends long before anything is due."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec.structs import replace

from batchmgr.dispatcher.memory_ports import MemoryJobStore
from batchmgr.errors import RecordChangedError
from batchmgr.model.retention import EndedJob, RetentionPlace
from batchmgr.plan.ids import job_key


class MemoryEndedJobs:
    """The EndedJobs port, on a MemoryJobStore. A page has `page_size` jobs."""

    def __init__(self, store: MemoryJobStore, page_size: int = 5000) -> None:
        self._store = store
        self.page_size = page_size
        self._place = RetentionPlace()

    async def page(self, token: str) -> tuple[Sequence[EndedJob], str]:
        """Return a page of jobs that have ended. The token is the key of the last one before."""
        keys = [key for key in sorted(self._store.records) if key > token]
        some = {key: self._store.records[key].value for key in keys[: self.page_size]}
        found = [
            replace(EndedJob.of(record), job_id=key) for key, record in some.items() if record.state.is_final
        ]
        return found, keys[self.page_size - 1] if len(keys) > self.page_size else ""

    async def place(self) -> RetentionPlace:
        """Return where the last round was stopped."""
        return self._place

    async def save_place(self, place: RetentionPlace) -> None:
        """Keep where the next round begins."""
        self._place = place

    async def parts(self, before: datetime, token: str) -> tuple[Sequence[str], str]:
        """Return a page of keys. The token is the last one before."""
        keys = [key for key, at in sorted(self._store.stored_at.items()) if key > token and at < before]
        found = [key for key in keys[: self.page_size] if self._store.has_parts(key)]
        return found, keys[self.page_size - 1] if len(keys) > self.page_size else ""

    async def request_etag(self, job_id: str) -> str:
        """Return what tells this request from another one of the same job id."""
        is_there = job_key(job_id) in self._store.requests
        return self._store.request_etags.get(job_key(job_id), "0") if is_there else ""

    async def delete_parts(self, job_id: str) -> None:
        """Delete the tasks, the plan and the receivers of a job."""
        for known in [known for known in self._store.receivers if known[0] == job_key(job_id)]:
            del self._store.receivers[known]
        self._store.tasks.pop(job_key(job_id), None)
        self._store.plans.pop(job_key(job_id), None)

    async def delete_request(self, job_id: str, etag: str) -> None:
        """Delete the request, unless it is another one."""
        if etag and await self.request_etag(job_id) == etag:
            del self._store.requests[job_key(job_id)]

    async def delete_record(self, job_id: str, etag: str) -> None:
        """Delete the record. Raises RecordChangedError if it has changed since `etag`."""
        stored = self._store.records.get(job_key(job_id))
        if stored is not None and stored.etag != etag:
            raise RecordChangedError("changed")
        self._store.records.pop(job_key(job_id), None)


class NoOldMessages:
    """The OldMessages port: nothing here gets old."""

    async def count(self, before: datetime) -> Mapping[str, int]:
        """Return no messages."""
        return {}

    async def remove(self, before: datetime) -> Mapping[str, int]:
        """Remove nothing."""
        return {}
