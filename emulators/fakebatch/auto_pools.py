"""The pools that the service makes for jobs, and removes with them."""

import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fakebatch.bodies.pool_bodies import auto_pool
from fakebatch.model import pool_entity as pools
from fakebatch.store import PoolRecord, Store
from fakebatch.wire import service_clock


class AutoPools:
    """The pools made for jobs, or for job schedules and so for all of their jobs."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def pool_for(self, job_id: str, specification: Mapping[str, Any]) -> str:
        """Return the id of the pool a job runs on, which is made if there is none yet."""
        # The jobs of a schedule are named after it, and no other job has a colon in its id.
        schedule_id, colon, _ = job_id.partition(":")
        by_schedule = bool(colon) and specification["poolLifetimeOption"] == "jobschedule"
        owner = ("schedule", schedule_id) if by_schedule else ("job", job_id)
        known = next((record.pool.id for record in self._store.pools if record.pool.owner == owner), None)
        if known is not None:
            return known
        unique = str(uuid.uuid4()).upper()
        prefix = specification.get("autoPoolIdPrefix")
        pool_id = f"{prefix}_{unique}" if prefix else unique
        pool = pools.created(pool_id, auto_pool(pool_id, specification["pool"]), service_clock.now())
        pool = replace(pool, owner=owner, keep_alive=specification["keepAlive"])
        self._store.pools.put(pool_id, PoolRecord(pool))
        return pool_id

    def remove_expired(self) -> None:
        """Begin to delete the pools whose job or job schedule is over."""
        for record in self._store.pools:
            pool = record.pool
            if pool.owner is None or pool.keep_alive or pool.state != "active":
                continue
            if self._is_over(*pool.owner):
                record.pool = pools.deleted(pool, service_clock.now())

    def _is_over(self, kind: str, owner_id: str) -> bool:
        if kind == "job":
            job = self._store.jobs.get(owner_id)
            return job is None or job.job.state == "completed"
        schedule = self._store.schedules.get(owner_id)
        if schedule is None:
            return True
        jobs = self._store.jobs_of(schedule)
        is_ending = schedule.state in ("completed", "terminating", "deleting")
        return is_ending and all(record.job.state == "completed" for record in jobs)
