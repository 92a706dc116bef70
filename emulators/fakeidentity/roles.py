"""The roles that the stand-in knows, with the actions that Azure's definitions of them allow.

Actions have Azure's names, without the provider and with the service in front: `blob:blobs/read` is
`Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read`.
Source: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/storage
https://learn.microsoft.com/azure/batch/batch-role-based-access-control
"""

from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase
from typing import Final

DELEGATION_KEY: Final = "blob:generateUserDelegationKey"
NODES: Final = "batchmgr nodes"
"""The custom role that `infra/` makes."""

ROLES: Final[Mapping[str, Collection[str]]] = {
    "Storage Blob Data Owner": ("blob:*",),
    "Storage Blob Data Contributor": ("blob:containers/*", DELEGATION_KEY, "blob:blobs/*"),
    # No built-in role writes blobs without also deleting containers.
    NODES: ("blob:blobs/read", "blob:blobs/write", "blob:blobs/add", "blob:blobs/delete"),
    "Storage Blob Data Reader": ("blob:containers/read", DELEGATION_KEY, "blob:blobs/read"),
    "Storage Blob Delegator": (DELEGATION_KEY,),
    "Storage Queue Data Contributor": (
        *("queue:queues/*", "queue:messages/read", "queue:messages/write", "queue:messages/delete"),
        "queue:messages/process",
    ),
    "Storage Queue Data Reader": ("queue:queues/read", "queue:messages/read"),
    "Storage Queue Data Message Processor": ("queue:messages/read", "queue:messages/process"),
    "Storage Queue Data Message Sender": ("queue:messages/add",),
    "Azure Batch Data Contributor": ("batch:*",),
    "Azure Batch Job Submitter": (
        *("batch:applications/read", "batch:pools/read"),
        *("batch:jobs/*", "batch:jobschedules/*"),
    ),
}


def allowed(role: str, actions: Collection[str]) -> list[str]:
    """Return those of these actions that a role allows. Raises KeyError for an unknown role."""
    return [action for action in actions if any(fnmatchcase(action, pattern) for pattern in ROLES[role])]


def full_name(action: str) -> str:
    """Return the name that an action on blobs has in Azure, which conditions use."""
    kind, _, verb = action.removeprefix("blob:").rpartition("/")
    path = {"blobs": "containers/blobs/", "containers": "containers/", "": ""}[kind]
    end = "" if verb in {"read", "write", "delete"} else "/action"
    return f"Microsoft.Storage/storageAccounts/blobServices/{path}{verb}{end}"
