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
BLOBS_ONLY: Final = "Blobs, and nothing with containers"

ROLES: Final[Mapping[str, Collection[str]]] = {
    "Storage Blob Data Owner": ("blob:*",),
    "Storage Blob Data Contributor": ("blob:containers/*", DELEGATION_KEY, "blob:blobs/*"),
    # A custom role: no built-in one writes blobs without also deleting containers.
    BLOBS_ONLY: ("blob:blobs/read", "blob:blobs/write", "blob:blobs/add", "blob:blobs/delete"),
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


def allows(role: str, actions: Collection[str]) -> bool:
    """Return whether a role allows at least one of these actions. Raises KeyError for an unknown role."""
    return any(fnmatchcase(action, pattern) for action in actions for pattern in ROLES[role])
