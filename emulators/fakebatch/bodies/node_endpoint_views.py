"""The JSON of the endpoints of nodes."""

from typing import Any, Final

from fakebatch.model.node_entity import NodeEntity
from fakebatch.model.pool_entity import PoolEntity

_FIRST_SSH_PORT: Final = 50_000
_SSH_PORT: Final = 22


def endpoints_view(node: NodeEntity, pool: PoolEntity) -> dict[str, Any]:
    """Return the `endpointConfiguration` of a node: those that its pool asks for, and the one for SSH.

    There is no load balancer, so nothing listens on the frontend ports. A task listens on the backend port at
    the IP address of its node.
    """
    index = node.number - 1
    configuration = pool.spec.get("networkConfiguration", {}).get("endpointConfiguration", {})
    shown = [
        _view(
            f"{nat['name']}.{index}",
            nat["protocol"],
            node,
            min(nat["frontendPortRangeStart"] + index, nat["frontendPortRangeEnd"]),
            nat["backendPort"],
        )
        for nat in configuration.get("inboundNATPools", ())
    ]
    ssh = _view(f"SSHRule.{index}", "tcp", node, ssh_port(node), _SSH_PORT)
    return {"inboundEndpoints": [*shown, ssh]}


def ssh_port(node: NodeEntity) -> int:
    """Return the frontend port for remote login."""
    return _FIRST_SSH_PORT + node.number - 1


def _view(name: str, protocol: str, node: NodeEntity, frontend: int, backend: int) -> dict[str, Any]:
    return {
        "name": name,
        "protocol": protocol,
        "publicIPAddress": node.address,
        "publicFQDN": node.address,
        "frontendPort": frontend,
        "backendPort": backend,
    }
