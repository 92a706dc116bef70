"""Auto pools: pools that are created for a job or job schedule, and deleted with it."""

import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fakebatch.bodies.pool_bodies import auto_pool
from fakebatch.model import pool_entity as pools
from fakebatch.store import Store
from fakebatch.stored_pool import StoredPool
from fakebatch.wire import service_clock


class AutoPools:
    """Creates and deletes the auto pools of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def pool_for(self, job_id: str, specification: Mapping[str, Any]) -> str:
        """Return the id of the auto pool of a job. The pool is created if it doesn't exist yet."""
        # Only jobs of a schedule have a colon in their id; the id of the schedule comes before it.
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
        self._store.pools.put(pool_id, StoredPool(pool))
        return pool_id

    def remove_expired(self) -> None:
        """Start to delete the auto pools whose job or job schedule is over."""
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
