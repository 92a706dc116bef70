"""Operations on nodes."""

from collections.abc import Mapping
from typing import Final

from batchmgr.local.fakebatch.bodies import pool as bodies
from batchmgr.local.fakebatch.operations.table import Operation, Service
from batchmgr.local.fakebatch.store import PoolRecord
from batchmgr.local.fakebatch.wire import answers
from batchmgr.local.fakebatch.wire.answers import Answer
from batchmgr.local.fakebatch.wire.calls import Call
from batchmgr.local.fakebatch.wire.errors import BatchError
from batchmgr.local.fakebatch.wire.listing import Listing, answer_list, select
from batchmgr.local.fakebatch.wire.odata_filter import Field

_COUNT_FIELDS: Final[Mapping[str, Field[PoolRecord]]] = {
    "poolId": Field("text", lambda record: record.pool.id)
}


async def list_all(service: Service, call: Call) -> Answer:
    """List the nodes of a pool."""
    record = service.engine.store.pool(call.ids["poolId"])
    listing = Listing(
        fragment="nodes",
        ids=record.nodes.ids,
        fetch=record.nodes.__getitem__,
        fields=bodies.NODE_FIELDS,
        view=lambda node: bodies.node_view(node, record.pool, call.base),
    )
    return answer_list(call, listing)


async def get(service: Service, call: Call) -> Answer:
    """Show a node."""
    record = service.engine.store.pool(call.ids["poolId"])
    node = record.nodes.get(call.ids["nodeId"])
    if node is None:
        raise BatchError("NodeNotFound")
    return answers.value(call, "nodes/@Element", select(call, bodies.node_view(node, record.pool, call.base)))


async def counts(service: Service, call: Call) -> Answer:
    """Tell for each pool how many of its nodes are in which state."""
    shelf = service.engine.store.pools
    listing = Listing(
        fragment="poolnodecounts",
        ids=shelf.ids,
        fetch=shelf.__getitem__,
        fields=_COUNT_FIELDS,
        view=lambda record: bodies.counts_view(record.pool, record.nodes),
    )
    return answer_list(call, listing)


OPERATIONS: Final = (
    Operation("GET", "/pools/{poolId}/nodes", list_all),
    Operation("GET", "/pools/{poolId}/nodes/{nodeId}", get),
    Operation("GET", "/nodecounts", counts),
)
