"""The pool of jobs that name none: its state, its nodes, and what it is made of."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from batchmgr.adapters.batch_pool_responses import PoolResponse
from batchmgr.doctor.batch_calls import BatchCalls
from batchmgr.doctor.check_settings import is_local
from batchmgr.doctor.finding import Finding, fine, unknown, warning, wrong
from batchmgr.doctor.remedies import Remedies
from batchmgr.errors import ServiceNotFoundError
from batchmgr.model.batch_snapshots import BatchJob, NodeSnapshot, PoolSnapshot
from batchmgr.model.stall import Observation, Stall, can_work, find_stall
from batchmgr.settings import Settings

POOL = "BATCHMGR_POOL_ID"
_LOOK_AT_NODES = "    az batch node list --pool-id {pool} --query '[].{{id:id, state:state}}' --output table"
_COMMANDS = {
    "PoolHasNoNodes": "    az batch pool resize --pool-id {pool} --target-dedicated-nodes 1",
    "ResizeFailed": "    az batch pool resize --pool-id {pool} --target-dedicated-nodes 1",
    "AutoscaleFailed": "    az batch pool autoscale enable --pool-id {pool} "
    "--auto-scale-formula '<corrected formula>'",
    "StartTaskFailed": "    az batch node file download --pool-id {pool} --node-id {node} "
    "--file-path startup/stderr.txt --destination stderr.txt\n"
    "    az batch node reboot --pool-id {pool} --node-id {node}",
    "NodesUnusable": "    az batch node reboot --pool-id {pool} --node-id {node}",
    "NodesPreempted": "    az batch pool resize --pool-id {pool} --target-dedicated-nodes 1",
}
"""What to run, by the code of a stall. The command signs in with `az batch account login`."""


async def check_pool(calls: BatchCalls, settings: Settings, remedies: Remedies) -> list[Finding]:
    """Return what is to be said about the pool of jobs that name none. Raise ServiceError."""
    ids = await calls.pool_ids()
    if not settings.default_pool_id:
        return [_no_default(ids, remedies)]
    try:
        pool = await calls.pool(settings.default_pool_id)
    except ServiceNotFoundError:
        return [_missing(settings.default_pool_id, ids, remedies)]
    nodes = await calls.nodes(settings.default_pool_id)
    return pool_findings(pool, nodes, settings, lists_identities=not is_local(settings))


def pool_findings(
    pool: Mapping[str, Any], nodes: Sequence[NodeSnapshot], settings: Settings, *, lists_identities: bool
) -> list[Finding]:
    """Return what is to be said about a pool in the JSON of Azure Batch. `nodes` may be unknown: empty.

    `lists_identities`: a pool without identities in its JSON has none.
    """
    snapshot = msgspec.convert(pool, PoolResponse).to_model()
    return [*_state(snapshot, pool, nodes), *_identity(pool, settings.node_identity, lists_identities)]


def _state(
    snapshot: PoolSnapshot, pool: Mapping[str, Any], nodes: Sequence[NodeSnapshot]
) -> Iterator[Finding]:
    """Yield what would stop a job on this pool, in the words with which a waiting job is told of it."""
    waiting = BatchJob(state="active", pool_id=snapshot.pool_id)
    stall = find_stall(Observation(job=waiting, pool=snapshot, nodes=nodes))
    if stall is not None:
        yield wrong("pool", stall.reason, _advice(stall, snapshot.pool_id, nodes))
        return
    yield fine("pool", f"{snapshot.pool_id}: {_made_of(snapshot, pool)}")
    for problem, code in (
        (snapshot.resize_error, "ResizeFailed"),
        (snapshot.formula_error, "AutoscaleFailed"),
    ):
        if problem:
            yield warning(
                "pool",
                f"{snapshot.pool_id} works, but did not get all its nodes: {problem}",
                "Is a quota used up?\n" + _COMMANDS[code].format(pool=snapshot.pool_id),
            )
    broken = [node for node in nodes if not can_work(node) and node.state not in {"leavingpool"}]
    if broken:
        states = Counter(node.state for node in broken)
        counted = ", ".join(f"{number} {state}" for state, number in sorted(states.items()))
        error = next((f": {node.error}" for node in broken if node.error), "")
        command = _COMMANDS["NodesUnusable"].format(pool=snapshot.pool_id, node=broken[0].node_id)
        yield warning(
            "nodes",
            f"{len(broken)} of {len(nodes)} nodes can't run tasks: {counted}{error}",
            f"Restart them:\n{command}",
        )
    elif nodes:
        yield fine("nodes", f"{len(nodes)} can run tasks")
    elif not snapshot.nodes:
        yield fine("nodes", "none now: a job waits until the pool has got some")


def _made_of(snapshot: PoolSnapshot, pool: Mapping[str, Any]) -> str:
    machine = pool.get("virtualMachineConfiguration") or {}
    image = machine.get("imageReference") or {}
    name = image.get("virtualMachineImageId", "").rpartition("/images/")[2] or " ".join(
        str(image[key]) for key in ("offer", "sku") if image.get(key)
    )
    slots = f"{snapshot.slots_per_node} slot{'s' if snapshot.slots_per_node > 1 else ''} a node"
    plural = "" if snapshot.target_nodes == 1 else "s"
    size = "automatic" if snapshot.has_formula else f"{snapshot.target_nodes} node{plural}"
    parts = [str(pool.get("vmSize", "")), name, slots, size]
    if pool.get("startTask"):
        parts.append("a start task")
    if machine.get("containerConfiguration"):
        parts.append("containers")
    return ", ".join(part for part in parts if part)


def _identity(pool: Mapping[str, Any], wanted: str, lists_identities: bool) -> Iterator[Finding]:
    if not wanted:
        return
    listed = (pool.get("identity") or {}).get("userAssignedIdentities") or []
    # Azure Batch has a list, Azure Resource Manager an object.
    ids = [one["resourceId"] for one in listed] if isinstance(listed, list) else list(listed)
    if wanted.lower() in {str(one).lower() for one in ids}:
        yield fine("node identity", "the pool has the identity of BATCHMGR_NODE_IDENTITY")
    elif not ids and not lists_identities:
        yield unknown("node identity", "the fake Azure Batch does not list the identities of pools")
    else:
        has = ", ".join(map(str, ids)) or "none"
        yield wrong(
            "node identity",
            f"the pool does not have the identity of BATCHMGR_NODE_IDENTITY, so its nodes can't read or "
            f"write files. It has: {has}",
            "Give the pool the identity. Only Azure Resource Manager can, when the pool is made: `pools` in "
            "infra/stages, then\n    azd provision",
        )


def _advice(stall: Stall, pool_id: str, nodes: Sequence[NodeSnapshot]) -> str:
    broken = next((node.node_id for node in nodes if not can_work(node)), "<node>")
    command = _COMMANDS.get(stall.code, _LOOK_AT_NODES)
    return f"{stall.advice}\n{command.format(pool=pool_id, node=broken)}"


def _no_default(ids: Sequence[str], remedies: Remedies) -> Finding:
    if ids:
        return fine("pool", f"no default: each job must name one of {', '.join(ids[:10])}")
    return warning(
        "pool",
        f"there is no pool, and {POOL} is not set: only jobs that bring an autoPool can run",
        "Make a pool (infra/stages, then `azd provision`). " + remedies.set(POOL, "<its id>"),
    )


def _missing(pool_id: str, ids: Sequence[str], remedies: Remedies) -> Finding:
    there = f"There are: {', '.join(ids[:10])}." if ids else "There is none."
    return wrong(
        "pool",
        f"there is no pool {pool_id!r}, which {POOL} names: jobs that name no pool are rejected",
        f"{there} {remedies.set(POOL, ids[0] if ids else '<id of a pool>')}\nOr make it:\n"
        f"    az batch pool create --id {pool_id} --vm-size Standard_D2s_v5 --target-dedicated-nodes 1 "
        "--image canonical:ubuntu-24_04-lts:server --node-agent-sku-id 'batch.node.ubuntu 24.04'",
    )
