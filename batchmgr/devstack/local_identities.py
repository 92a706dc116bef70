"""Who there is in a stack without keys, with the roles that `infra/` gives in Azure.

A test compares the roles, and the condition of the nodes, with what `infra/` compiles to.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from batchmgr.plan.container_rules import RESERVED

_GROUP = (
    "/subscriptions/local/resourceGroups/local/providers/Microsoft.ManagedIdentity/userAssignedIdentities"
)
_CONTAINERS = "Microsoft.Storage/storageAccounts/blobServices/containers"
_NAME = f"@Resource[{_CONTAINERS}:name]"
_IS_NO_BLOB_ACTION = " AND ".join(
    f"!(ActionMatches{{'{_CONTAINERS}/blobs/{action}'}})"
    for action in ("read", "write", "add/action", "delete")
)
_NO_RESERVED_CONTAINERS = (
    f"(({_IS_NO_BLOB_ACTION}) OR ("
    + " AND ".join(f"{_NAME} StringNotStartsWith '{beginning}'" for beginning in RESERVED)
    + "))"
)
"""Who can write what batchmgr and the platform keep can act for every job, or for the app."""

_BLOB_OWNER = {"role": "Storage Blob Data Owner"}
_QUEUE_CONTRIBUTOR = {"role": "Storage Queue Data Contributor"}
_BATCH_CONTRIBUTOR = {"role": "Azure Batch Data Contributor"}


@dataclass(frozen=True, kw_only=True)
class LocalIdentity:
    """One of the stack's identities, with the roles that it has at the start."""

    name: str
    number: int
    assignments: tuple[Mapping[str, str], ...]
    is_of_nodes: bool = False

    @property
    def client_id(self) -> str:
        """The client id. It is the same at each start."""
        return f"00000000-0000-0000-0000-c11e000000{self.number:02}"

    @property
    def resource_id(self) -> str:
        """The resource id."""
        return f"{_GROUP}/{self.name}"

    def to_object(self) -> dict[str, object]:
        """Return what the stand-in for Microsoft Entra is told of it."""
        return {
            "clientId": self.client_id,
            "objectId": f"00000000-0000-0000-0000-0b1ec0000{self.number:03}",
            "resourceId": self.resource_id,
            "isOfNodes": self.is_of_nodes,
            "assignments": self.assignments,
        }


APP = LocalIdentity(name="app", number=1, assignments=(_BLOB_OWNER, _QUEUE_CONTRIBUTOR, _BATCH_CONTRIBUTOR))
"""The identity of the Functions app."""

NODES = LocalIdentity(
    name="nodes",
    number=2,
    is_of_nodes=True,
    assignments=({"role": "batchmgr nodes", "condition": _NO_RESERVED_CONTAINERS},),
)
"""The identity of the pools' nodes. It has its role only if nodes use it for the files of jobs."""

PLATFORM = LocalIdentity(name="platform", number=3, assignments=(_BLOB_OWNER,))
"""Whoever watches the storage account for Event Grid. In Azure nobody has to give it a role."""

DEVELOPER = LocalIdentity(
    name="developer", number=4, assignments=(_BLOB_OWNER, _QUEUE_CONTRIBUTOR, _BATCH_CONTRIBUTOR)
)
"""You, or a test."""


def local_identities(*, nodes_use_identity: bool) -> tuple[LocalIdentity, ...]:
    """Return all identities. Without `nodes_use_identity`, nodes get signatures, and have no role."""
    nodes = NODES if nodes_use_identity else replace(NODES, assignments=())
    return APP, nodes, PLATFORM, DEVELOPER
