"""Runs the stand-in for Microsoft Entra as a child process, with the identities of the local stack."""

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batchmgr.devstack.certificate import Certificate
from batchmgr.devstack.child_processes import ChildProcesses
from batchmgr.plan.file_specifications import FINALIZE_CONTAINER, OWN_CONTAINERS

_READY = re.compile(r'^\{"url".*\}$', re.MULTILINE)
_START_TIMEOUT_S = 60
_GROUP = (
    "/subscriptions/local/resourceGroups/local/providers/Microsoft.ManagedIdentity/userAssignedIdentities"
)
_BLOB_OWNER = {"role": "Storage Blob Data Owner"}
_BLOBS_ONLY = "Blobs, and nothing with containers"
_QUEUE_CONTRIBUTOR = {"role": "Storage Queue Data Contributor"}
_BATCH_CONTRIBUTOR = {"role": "Azure Batch Data Contributor"}


@dataclass(frozen=True, kw_only=True)
class LocalIdentity:
    """One of the stack's identities, with the roles that it has at the start."""

    name: str
    number: int
    assignments: tuple[Mapping[str, Any], ...]
    is_of_nodes: bool = False

    @property
    def client_id(self) -> str:
        """The client id. It is the same at each start."""
        return f"00000000-0000-0000-0000-c11e000000{self.number:02}"

    @property
    def resource_id(self) -> str:
        """The resource id."""
        return f"{_GROUP}/{self.name}"


APP = LocalIdentity(name="app", number=1, assignments=(_BLOB_OWNER, _QUEUE_CONTRIBUTOR, _BATCH_CONTRIBUTOR))
"""The identity of the Functions app."""

NODES = LocalIdentity(
    name="nodes",
    number=2,
    is_of_nodes=True,
    # Who can write batchmgr's own containers can act for every job. Nodes only write the finalize blobs.
    assignments=(
        {"role": _BLOBS_ONLY, "notContainers": sorted(OWN_CONTAINERS)},
        {"role": _BLOBS_ONLY, "containers": [FINALIZE_CONTAINER]},
    ),
)
"""The identity of the pools' nodes."""

PLATFORM = LocalIdentity(name="platform", number=3, assignments=(_BLOB_OWNER,))
"""Whoever watches the storage account for Event Grid. In Azure nobody has to give it a role."""

DEVELOPER = LocalIdentity(
    name="developer", number=4, assignments=(_BLOB_OWNER, _QUEUE_CONTRIBUTOR, _BATCH_CONTRIBUTOR)
)
"""You, or a test."""

_ALL = (APP, NODES, PLATFORM, DEVELOPER)


@dataclass(frozen=True, kw_only=True)
class IdentityEndpoints:
    """Where a stack without keys has its identities, and the certificate that its clients trust."""

    url: str
    """The metadata service of the nodes, and `/control`."""
    identity_endpoint: str
    identity_header: str
    trusted: str
    developer_client_id: str = DEVELOPER.client_id
    app_client_id: str = APP.client_id
    node_resource_id: str = NODES.resource_id

    def to_object(self) -> dict[str, str]:
        """Return what `batchmgr start --json` prints of them."""
        return {
            "url": self.url,
            "identityEndpoint": self.identity_endpoint,
            "identityHeader": self.identity_header,
            "trusted": self.trusted,
            "appClientId": self.app_client_id,
            "developerClientId": self.developer_client_id,
            "nodeResourceId": self.node_resource_id,
        }


async def start_identity(
    processes: ChildProcesses,
    *,
    services: Mapping[str, tuple[str, int]],
    certificate: Certificate,
    state: Path,
    environment: Mapping[str, str],
) -> tuple[IdentityEndpoints, dict[str, str]]:
    """Start the stand-in before these services: URL and port of its gateway, by kind. Raises StackError.

    Return where the identities are, and the URLs of the gateways, by kind.
    """
    config = state / "identity.json"
    listed = [
        {"kind": kind, "upstream": upstream, "port": port} for kind, (upstream, port) in services.items()
    ]
    config.write_text(json.dumps({"identities": [_facts(one) for one in _ALL], "services": listed}, indent=2))
    command = [
        *(sys.executable, "-m", "fakeidentity", "--config", str(config)),
        *("--certificate", str(certificate.certificate), "--key", str(certificate.key)),
    ]
    child = await processes.start("identities", command, environment=environment, directory=state)
    ready = json.loads((await child.wait_for_output(_READY, timeout_s=_START_TIMEOUT_S))[0])
    endpoints = IdentityEndpoints(
        url=ready["url"],
        identity_endpoint=ready["identityEndpoint"],
        identity_header=ready["identityHeader"],
        trusted=str(certificate.trusted),
    )
    return endpoints, ready["gateways"]


def _facts(identity: LocalIdentity) -> dict[str, object]:
    return {
        "clientId": identity.client_id,
        "objectId": f"00000000-0000-0000-0000-0b1ec0000{identity.number:03}",
        "resourceId": identity.resource_id,
        "isOfNodes": identity.is_of_nodes,
        "assignments": identity.assignments,
    }
