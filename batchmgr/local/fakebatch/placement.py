"""Which task runs next, and on which nodes."""

from collections.abc import Iterator
from functools import partial

from batchmgr.local.fakebatch.model.need import Need, need_of
from batchmgr.local.fakebatch.model.node import Node
from batchmgr.local.fakebatch.model.task import Task
from batchmgr.local.fakebatch.store import JobRecord, PoolRecord, Store


def jobs_in_turn(store: Store, pool: PoolRecord) -> list[JobRecord]:
    """Return the active jobs of a pool, the highest priority first and then the oldest."""
    name = pool.pool.id.lower()
    jobs = [record for record in store.jobs if record.job.state == "active"]
    mine = [record for record in jobs if record.job.pool_id.lower() == name]
    return sorted(mine, key=lambda record: (-record.job.spec["priority"], record.job.number))


def placements(store: Store) -> Iterator[tuple[JobRecord, Task, PoolRecord, list[Node]]]:
    """Yield what can start now, one by one: the caller starts each before it asks for the next."""
    for pool in store.pools:
        if pool.pool.state != "active" or not any(node.free_slots for node in pool.nodes):
            continue
        for record in jobs_in_turn(store, pool):
            find = partial(fits, pool, record)
            while (task := record.next_ready(find)) is not None:
                yield record, task, pool, choose_nodes(pool, record, task)


def choose_nodes(pool: PoolRecord, record: JobRecord, task: Task) -> list[Node]:
    """Return the nodes a task goes to: of those with room, the emptiest (Spread) or the fullest (Pack).

    The node it has an affinity to comes first, if it has room.
    """
    need = need_of(task)
    wanted = task.spec["affinityInfo"]["affinityId"] if "affinityInfo" in task.spec else None
    direction = 1 if pool.pool.fills == "Pack" else -1
    nodes = [node for node in _nodes(pool, record) if need.suits(node)]
    if need.nodes == 1:
        return [min(nodes, key=lambda node: (f"TVM:{node.id}" != wanted, direction * node.free_slots))]
    return sorted(nodes, key=lambda node: f"TVM:{node.id}" != wanted)[: need.nodes]


def _nodes(pool: PoolRecord, record: JobRecord) -> Iterator[Node]:
    return (node for node in pool.nodes if node.id not in record.shunned)


def fits(pool: PoolRecord, record: JobRecord, need: Need) -> bool:
    """Whether a pool has room for a task of a job that needs this."""
    if need.nodes == 1:
        return any(need.suits(node) for node in _nodes(pool, record))
    # The service leaves a multi-instance task waiting for ever on a pool that is not made for it.
    made_for_it = pool.pool.spec["enableInterNodeCommunication"] and pool.pool.slots_per_node == 1
    return made_for_it and sum(need.suits(node) for node in _nodes(pool, record)) >= need.nodes
