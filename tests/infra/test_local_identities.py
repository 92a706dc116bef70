"""The identities of the local stack have the roles that infra/ gives, with the same condition."""

import re

import pytest

from batchmgr.devstack.local_identities import LocalIdentity, local_identities
from batchmgr.plan.container_rules import RESERVED
from batchmgr.plan.file_specifications import OWN_CONTAINERS
from fakeidentity.identities import Assignment
from tests.infra.golden import ROLE, Golden, golden
from tests.infra.test_access import role_of

READ, WRITE, DELETE = "blob:blobs/read", "blob:blobs/write", "blob:blobs/delete"


def given(made: Golden, holder: str) -> set[tuple[str, str]]:
    """Return the roles of an identity on batchmgr's storage account and on the Batch account.

    Each with its condition. The local stack has no data account, and nothing else that takes a role.
    """
    return {
        (role_of(made, one), condition(one["properties"]))
        for one in made.every(ROLE)
        if f"'{holder}-" in one["properties"]["principalId"]
        and re.search(r"/(storageAccounts/(?!stdata)|batchAccounts/)", str(one["id"]))
    }


def condition(properties: dict[str, str]) -> str:
    return " ".join((properties.get("condition") or "").split())


def has(identity: LocalIdentity) -> set[tuple[str, str]]:
    return {(one["role"], one.get("condition", "")) for one in identity.assignments}


@pytest.mark.parametrize(("name", "nodes_use_identity"), [("dev", False), ("everything", True)])
def test_app_and_nodes_have_the_roles_of_a_deployment(name: str, nodes_use_identity: bool) -> None:
    app, nodes, *_ = local_identities(nodes_use_identity=nodes_use_identity)
    assert has(app) == given(golden(name), "appIdentity")
    assert has(nodes) == given(golden(name), "nodeIdentity")


def test_the_condition_of_a_deployment_keeps_nodes_away_from_what_is_batchmgrs_own() -> None:
    [(role, text)] = given(golden("everything"), "nodeIdentity")
    nodes = Assignment(role=role, condition=text)
    for container in (*OWN_CONTAINERS, "batchmgr-app-package", "azure-webjobs-secrets", *RESERVED):
        assert not any(nodes.allows([action], container) for action in (READ, WRITE, DELETE)), container
    for container in ("job-1", "inputs"):
        assert all(nodes.allows([action], container) for action in (READ, WRITE, DELETE)), container
