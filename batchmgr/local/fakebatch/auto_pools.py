"""The pools that the service makes for jobs, and removes with them."""

import uuid
from collections.abc import Mapping
from typing import Any

from batchmgr.local.fakebatch.bodies.pool import auto_pool
from batchmgr.local.fakebatch.model import pool as pools
from batchmgr.local.fakebatch.model.schedule import Schedule
from batchmgr.local.fakebatch.store import PoolRecord, Store
from batchmgr.local.fakebatch.wire import ticks


class AutoPools:
    """The auto pools, each with the job or the job schedule it lives as long as."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._of_jobs: dict[str, str] = {}
        self._of_schedules: dict[str, str] = {}
        self._kept: set[str] = set()

    def pool_for(self, job_id: str, specification: Mapping[str, Any]) -> str:
        """Return the id of the pool a job runs on, which is made if there is none yet."""
        # The jobs of a schedule are named after it, and no other job has a colon in its id.
        schedule_id, colon, _ = job_id.partition(":")
        by_schedule = bool(colon) and specification["poolLifetimeOption"] == "jobschedule"
        known = self._of_schedules.get(schedule_id) if by_schedule else None
        if known is not None and known in self._store.pools:
            return known
        unique = str(uuid.uuid4()).upper()
        prefix = specification.get("autoPoolIdPrefix")
        pool_id = f"{prefix}_{unique}" if prefix else unique
        self.add(pool_id, auto_pool(pool_id, specification["pool"]))
        if by_schedule:
            self._of_schedules[schedule_id] = pool_id
        else:
            self._of_jobs[job_id] = pool_id
        if specification["keepAlive"]:
            self._kept.add(pool_id)
        return pool_id

    def resume(self) -> None:
        """Follow the jobs that have auto pools from the start."""
        for record in self._store.jobs:
            specification = record.job.spec["poolInfo"].get("autoPoolSpecification")
            if specification is None or record.job.auto_pool_id is None:
                continue
            schedule_id, colon, _ = record.job.id.partition(":")
            if colon and specification["poolLifetimeOption"] == "jobschedule":
                self._of_schedules[schedule_id] = record.job.auto_pool_id
            elif not specification["keepAlive"]:
                self._of_jobs[record.job.id] = record.job.auto_pool_id

    def add(self, pool_id: str, spec: Mapping[str, Any]) -> pools.Pool:
        """Add a pool; its id is free. Its nodes follow."""
        now = ticks.now()
        pool = pools.Pool(
            id=pool_id, spec=spec, created_at=now, last_modified=now, state_since=now, allocation_since=now
        )
        self._store.pools.put(pool_id, PoolRecord(pool))
        return pool

    def remove_expired(self) -> None:
        """Begin to delete the pools whose job or job schedule is over."""
        for job_id, pool_id in list(self._of_jobs.items()):
            record = self._store.jobs.get(job_id)
            if record is None or record.job.state == "completed":
                del self._of_jobs[job_id]
                self._delete(pool_id)
        for schedule_id, pool_id in list(self._of_schedules.items()):
            if self._is_over(self._store.schedules.get(schedule_id)):
                del self._of_schedules[schedule_id]
                self._delete(pool_id)

    def _is_over(self, schedule: Schedule | None) -> bool:
        if schedule is None:
            return True
        jobs = self._store.jobs_of(schedule)
        is_ending = schedule.state in ("completed", "terminating", "deleting")
        return is_ending and all(record.job.state == "completed" for record in jobs)

    def _delete(self, pool_id: str) -> None:
        record = self._store.pools.get(pool_id)
        if record is not None and record.pool.state == "active" and pool_id not in self._kept:
            record.pool = pools.deleted(record.pool, ticks.now())
            record.deallocation = "requeue"
