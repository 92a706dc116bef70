"""Which task runs next, and on which node."""

from collections.abc import Iterator

from batchmgr.local.fakebatch.model.pool import Node
from batchmgr.local.fakebatch.model.task import Task
from batchmgr.local.fakebatch.store import JobRecord, PoolRecord, Store


def jobs_in_turn(store: Store, pool: PoolRecord) -> list[JobRecord]:
    """Return the active jobs of a pool, the highest priority first and then the oldest."""
    name = pool.pool.id.lower()
    jobs = [record for record in store.jobs if record.job.state == "active"]
    mine = [record for record in jobs if record.job.pool_id.lower() == name]
    return sorted(mine, key=lambda record: (-record.job.spec["priority"], record.job.number))


def placements(store: Store) -> Iterator[tuple[JobRecord, Task, PoolRecord, Node]]:
    """Yield what can start now, one by one: the caller starts each before it asks for the next."""
    for pool in store.pools:
        if pool.pool.state != "active" or not _most_free_slots(pool):
            continue
        for record in jobs_in_turn(store, pool):
            while (task := record.next_ready(_most_free_slots(pool))) is not None:
                yield record, task, pool, choose_node(pool, task.slots)


def choose_node(pool: PoolRecord, slots: int) -> Node:
    """Return the node a task goes to: of those with room, the emptiest (Spread) or the fullest (Pack)."""
    with_room = [node for node in pool.nodes if node.free_slots >= slots]
    pick = min if pool.pool.fills == "Pack" else max
    return pick(with_room, key=lambda node: node.free_slots)


def _most_free_slots(pool: PoolRecord) -> int:
    return max((node.free_slots for node in pool.nodes), default=0)
