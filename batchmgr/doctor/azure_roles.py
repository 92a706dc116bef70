"""The role assignments of the app's identity, each on the narrowest scope that works."""

from collections.abc import Sequence
from dataclasses import dataclass

from batchmgr.doctor.check_batch import ROLE as BATCH_ROLE
from batchmgr.doctor.check_data import ROLE as DATA_ROLE
from batchmgr.doctor.check_event_topic import ROLE as TOPIC_ROLE
from batchmgr.doctor.check_storage import BLOB_ROLE, QUEUE_ROLE
from batchmgr.doctor.finding import Finding, fine, unknown, wrong
from batchmgr.doctor.remedies import BATCH, INSIGHTS, STORAGE, TOPIC, Remedies
from batchmgr.doctor.resource_manager import ResourceManager
from batchmgr.errors import ServiceError

VERSION = "2022-04-01"
IDS = {
    BLOB_ROLE: "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    DATA_ROLE: "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    QUEUE_ROLE: "974c5e8b-45b9-4653-ba55-5f855dd0fb88",
    BATCH_ROLE: "6aaa78f1-f7de-44ca-8722-c64a23943cae",
    "Azure Batch Job Submitter": "48e5e92e-a480-4e71-aa9c-2778f4c13781",
    "Azure Batch Account Contributor": "29fe4964-1e60-436b-bd3a-77fd4c178b3c",
    TOPIC_ROLE: "d5a91429-5739-47e2-a06b-3470a27159e7",
    "Monitoring Metrics Publisher": "3913510d-42f4-4e42-8a64-420c390055eb",
}
"""The built-in roles, by name. Source: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles"""


@dataclass(frozen=True, kw_only=True)
class Need:
    """What the app needs: the first of `roles`, or another one of them, on what has this type and name."""

    kind: str
    name: str
    roles: Sequence[str]


def needs(*, storage: str, data: str, batch: str, insights: str, topic: str) -> list[Need]:
    """Return what an app needs that uses its identity for these resources. An empty name needs nothing."""
    batch_roles = (BATCH_ROLE, "Azure Batch Job Submitter", "Azure Batch Account Contributor")
    listed = [
        Need(kind=STORAGE, name=storage, roles=(BLOB_ROLE,)),
        Need(kind=STORAGE, name=storage, roles=(QUEUE_ROLE,)),
        Need(kind=STORAGE, name=data, roles=(DATA_ROLE, BLOB_ROLE)),
        Need(kind=BATCH, name=batch, roles=batch_roles),
        Need(kind=INSIGHTS, name=insights, roles=("Monitoring Metrics Publisher",)),
        Need(kind=TOPIC, name=topic, roles=(TOPIC_ROLE,)),
    ]
    return [need for need in listed if need.name]


async def check_role(arm: ResourceManager, need: Need, principal: str, remedies: Remedies) -> Finding:
    """Return whether the identity has one of the roles, on the whole resource."""
    scope = remedies.scopes.get((need.kind, need.name), "")
    if not scope:
        return unknown("roles", f"{need.name} was not found in the app's subscription")
    query = {"$filter": f"principalId eq '{principal}'"}
    path = f"{scope}/providers/Microsoft.Authorization/roleAssignments"
    try:
        listed = await arm.list(path, VERSION, query)
    except ServiceError as error:
        return unknown("roles", f"the role assignments on {need.name} can't be read: {error}")
    wanted = {IDS[role]: role for role in need.roles}
    held = [
        (wanted[role], str(one["properties"].get("scope", "")).rstrip("/"))
        for one in listed
        if (role := str(one["properties"].get("roleDefinitionId", "")).rpartition("/")[2].lower()) in wanted
    ]
    whole = [role for role, where in held if f"{scope}/".lower().startswith(f"{where}/".lower())]
    if whole:
        return fine("roles", f"the app has {whole[0]} on {need.name}")
    part = f". It has {held[0][0]} only on a part: {held[0][1]}" if held else ""
    return wrong(
        "roles",
        f"the app's identity lacks the role {need.roles[0]} on {need.name}{part}",
        "Give it the role. It takes effect within minutes; a role of your own that allows the same also "
        f"does:\n{remedies.give_role(need.roles[0], need.kind, need.name)}",
    )
