"""The task scheduler: which task runs next, and on which nodes."""

from collections.abc import Collection, Iterator
from functools import partial

from fakebatch.model.node_entity import NodeEntity
from fakebatch.model.pool_entity import PoolEntity
from fakebatch.model.task_entity import TaskEntity
from fakebatch.model.task_requirements import TaskRequirements, requirements_of
from fakebatch.store import Store
from fakebatch.stored_job import StoredJob
from fakebatch.stored_pool import StoredPool


def jobs_by_priority(store: Store, pool: StoredPool) -> list[StoredJob]:
    """Return the active jobs of a pool: the highest priority first, then the oldest."""
    name = pool.pool.id.lower()
    jobs = [record for record in store.jobs if record.job.state == "active"]
    mine = [record for record in jobs if record.job.pool_id.lower() == name]
    return sorted(mine, key=lambda record: (-record.job.spec["priority"], record.job.number))


def placements(store: Store) -> Iterator[tuple[StoredJob, TaskEntity, StoredPool, list[NodeEntity]]]:
    """Yield the tasks that can start now. The caller must start each before it asks for the next."""
    for pool in store.pools:
        room = pool.nodes.with_room
        if pool.pool.state != "active" or not room:
            continue
        for record in jobs_by_priority(store, pool):
            find = partial(fits, pool.pool, room.values(), record)
            while room and (task := record.next_ready(find)) is not None:
                yield record, task, pool, choose_nodes(pool.pool, room.values(), record, task)


def choose_nodes(
    pool: PoolEntity, room: Collection[NodeEntity], record: StoredJob, task: TaskEntity
) -> list[NodeEntity]:
    """Return the nodes for a task: of those with room, the emptiest (Spread) or the fullest (Pack).

    The node of its affinity comes first, if it has room.
    """
    need = requirements_of(task)
    wanted = None
    if "affinityInfo" in task.spec:
        wanted = task.spec["affinityInfo"]["affinityId"].removeprefix("TVM:")
    direction = 1 if pool.fills == "Pack" else -1
    nodes = [node for node in room if node.id not in record.excluded_nodes and need.suits(node)]
    if need.nodes == 1:
        return [min(nodes, key=lambda node: (node.id != wanted, direction * node.free_slots))]
    return sorted(nodes, key=lambda node: node.id != wanted)[: need.nodes]


def fits(pool: PoolEntity, room: Collection[NodeEntity], record: StoredJob, need: TaskRequirements) -> bool:
    """Return whether nodes of a pool have room for a task of a job with this need."""
    suiting = (node for node in room if node.id not in record.excluded_nodes and need.suits(node))
    if need.nodes == 1:
        return next(suiting, None) is not None
    # As in Azure, a multi-instance task waits for ever on a pool that does not allow it.
    is_made_for_it = pool.spec["enableInterNodeCommunication"] and pool.slots_per_node == 1
    return is_made_for_it and sum(1 for _ in suiting) >= need.nodes
