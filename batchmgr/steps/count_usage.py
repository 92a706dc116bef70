"""What the tasks that have ended have used is added to the record, with what kind of nodes they ran on.

A node is only known as long as it is there. So the pool is looked at when the first task of a job has ended,
and, if it has both dedicated and spot nodes, its nodes are listed with each observation.
"""

import logging
from collections.abc import Sequence
from datetime import timedelta

from msgspec.structs import replace

from batchmgr.errors import ServiceError, ServiceNotFoundError
from batchmgr.model.batch_snapshots import PoolSnapshot, TaskSnapshot
from batchmgr.model.job_record import JobRecord
from batchmgr.model.usage import HeldNodes, IsSpot, NodeFacts, Usage
from batchmgr.ports import Ports, Versioned

logger = logging.getLogger(__name__)

LOOK_PAUSE = timedelta(minutes=1)
"""Between two looks at how many nodes the pool of a job's own has."""


async def counted_usage(ports: Ports, record: JobRecord, ended: Sequence[TaskSnapshot]) -> Usage:
    """Return the usage of a job with these tasks that have ended. Raise nothing if a pool can't be read."""
    usage = record.run.usage
    if not ended:
        return usage
    if usage.nodes is None and any(task.node_id for task in ended):
        usage = replace(usage, nodes=await _node_facts(ports, record))
    return usage.with_ends(ended, await _spot_test(ports, usage.nodes))


async def observe_held_nodes(ports: Ports, job: Versioned[JobRecord]) -> Versioned[JobRecord]:
    """Look how many nodes there are for a job whose pool is its own, if a look is due."""
    held, now = job.value.run.usage.held, ports.clock.now()
    if not job.value.run.has_own_pool or (held is not None and now - held.seen_at < LOOK_PAUSE):
        return job
    seen = await held_nodes(ports, job.value)
    if seen is None:
        return job
    return await ports.jobs.save(job.value.with_usage(replace(job.value.run.usage, held=seen)), job.etag)


async def held_nodes(ports: Ports, record: JobRecord) -> HeldNodes | None:
    """Return how long nodes were there until now for a job whose pool is its own; None if none were seen."""
    held, now = record.run.usage.held, ports.clock.now()
    try:
        pool = await _pool(ports, record)
    except ServiceNotFoundError:
        return held.seen(now, 0, 0) if held is not None else None
    except ServiceError as error:
        logger.warning("job %s: the nodes of its pool can't be counted now: %s", record.job_id, error)
        return held
    held = held or HeldNodes(seen_at=record.created_at)
    return held.seen(now, pool.nodes - pool.spot_nodes, pool.spot_nodes)


async def final_usage(ports: Ports, record: JobRecord) -> Usage:
    """Return the usage of a job that has ended, with the price that its nodes have now."""
    usage = record.run.usage
    if record.in_batch and record.run.has_own_pool:
        usage = replace(usage, held=await held_nodes(ports, record))
    if ports.prices is not None and usage.nodes is not None:
        usage = replace(usage, price=ports.prices.price(usage.nodes.vm_size, usage.nodes.os))
    return usage


async def _node_facts(ports: Ports, record: JobRecord) -> NodeFacts | None:
    try:
        pool = await _pool(ports, record)
    except ServiceError as error:
        logger.warning("job %s: its pool can't be read, so its usage is incomplete: %s", record.job_id, error)
        return None
    return NodeFacts(
        pool_id=pool.pool_id,
        vm_size=pool.vm_size,
        os=pool.os,
        slots_per_node=pool.slots_per_node,
        has_dedicated=pool.has_dedicated or not pool.has_spot,
        has_spot=pool.has_spot,
    )


async def _pool(ports: Ports, record: JobRecord) -> PoolSnapshot:
    pool_id = record.pool_id
    if record.run.has_own_pool:  # the one in the record is the pool that other jobs go to
        pool_id = (await ports.batch.get_job(record.job_id)).pool_id
    if not pool_id:
        raise ServiceNotFoundError("the pool is not there yet")
    return await ports.batch.get_pool(pool_id)


async def _spot_test(ports: Ports, nodes: NodeFacts | None) -> IsSpot:
    if nodes is None:
        return _unknown
    if not (nodes.has_spot and nodes.has_dedicated):
        return lambda node_id: nodes.has_spot
    try:
        listed = [node async for node in ports.batch.list_nodes(nodes.pool_id)]
    except ServiceError as error:
        logger.warning("pool %s: its nodes can't be listed: %s", nodes.pool_id, error)
        return _unknown
    return {node.node_id: node.is_spot for node in listed}.get


def _unknown(node_id: str) -> bool | None:
    return None
