"""Who may do what, and that nothing takes a key."""

import re

import pytest

from fakeidentity.identities import Assignment
from tests.infra.bicep import INFRA, SCENARIOS, THEIRS
from tests.infra.golden import BATCH, ROLE, STORAGE, TOPIC, Golden, Resource, golden

# From Microsoft's documentation of built-in roles, written here a second time on purpose.
BUILT_IN = {
    "7f951dda-4ed3-4680-a7ca-43fe172d538d": "AcrPull",
    "6aaa78f1-f7de-44ca-8722-c64a23943cae": "Azure Batch Data Contributor",
    "48e5e92e-a480-4e71-aa9c-2778f4c13781": "Azure Batch Job Submitter",
    "d5a91429-5739-47e2-a06b-3470a27159e7": "EventGrid Data Sender",
    "4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
    "3913510d-42f4-4e42-8a64-420c390055eb": "Monitoring Metrics Publisher",
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": "Storage Blob Data Contributor",
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
    "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1": "Storage Blob Data Reader",
    "974c5e8b-45b9-4653-ba55-5f855dd0fb88": "Storage Queue Data Contributor",
}
OWN_ROLE = "batchmgr nodes"
every_scenario = pytest.mark.parametrize("made", [pytest.param(golden(name), id=name) for name in SCENARIOS])


def role_of(made: Golden, assignment: Resource) -> str:
    """The name of the role that is given: a built-in one, or one that is made here."""
    own = {one["id"]: OWN_ROLE for one in made.every("Microsoft.Authorization/roleDefinitions")}
    id_ = str(assignment["properties"]["roleDefinitionId"])
    return own.get(id_) or BUILT_IN[id_.rpartition("/")[2]]


def grants(made: Golden) -> set[tuple[str, str, str]]:
    """Who has which role on what: the module that made the identity, the role, and the kind of resource."""
    found = set()
    for one in made.every(ROLE):
        principal = str(one["properties"]["principalId"])
        by = re.search(r"format\('(\w+)-\{0\}'", principal)
        role = role_of(made, one)
        scope = str(one["id"]).partition("/providers/Microsoft.Authorization/")[0]
        kind, _, name = scope.rpartition("/")
        where = "data" if name.startswith("stdata") or name == "theirdata" else kind.rpartition("/")[2]
        found.add((by[1] if by else "deployer", role, where))
    return found


def test_dev_gives_only_these_roles() -> None:
    assert grants(golden("dev")) == {
        ("appIdentity", "Storage Blob Data Owner", "storageAccounts"),
        ("appIdentity", "Storage Queue Data Contributor", "storageAccounts"),
        ("appIdentity", "Storage Blob Data Contributor", "data"),
        ("appIdentity", "Azure Batch Data Contributor", "batchAccounts"),
        ("appIdentity", "Key Vault Secrets User", "vaults"),
        ("appIdentity", "Monitoring Metrics Publisher", "components"),
        ("nodeIdentity", "Storage Blob Data Reader", "data"),
        ("batchAccount", "Storage Blob Data Contributor", "data"),
    }


def test_without_pools_of_jobs_the_app_can_only_submit_jobs() -> None:
    assert ("appIdentity", "Azure Batch Job Submitter", "batchAccounts") in grants(golden("prod"))
    assert ("appIdentity", "Azure Batch Data Contributor", "batchAccounts") not in grants(golden("prod"))


def test_who_deploys_and_nodes_that_pull_images_get_their_roles() -> None:
    dev, everything = grants(golden("dev")), grants(golden("everything"))
    assert everything - dev == {
        ("nodeIdentity", "AcrPull", "registries"),
        ("nodeIdentity", OWN_ROLE, "storageAccounts"),
        ("nodeIdentity", "Storage Blob Data Contributor", "data"),
        ("appIdentity", "EventGrid Data Sender", "topics"),
        ("deployer", "Storage Blob Data Contributor", "data"),
        ("deployer", "Azure Batch Data Contributor", "batchAccounts"),
    }
    # The Batch account is there already, and keeps its packages where it does.
    assert dev - everything == {
        ("batchAccount", "Storage Blob Data Contributor", "data"),
        ("nodeIdentity", "Storage Blob Data Reader", "data"),
    }


def test_the_data_account_of_a_team_gets_the_same_roles_as_one_that_is_made() -> None:
    made, theirs = (
        [(role_of(golden(name), one), one) for one in golden(name).every(ROLE) if is_of_data(one)]
        for name in ("dev", "shared")
    )
    assert [role for role, _ in theirs] == [role for role, _ in made]
    assert [one["properties"].get("condition") for _, one in theirs] == [
        one["properties"].get("condition") for _, one in made
    ]
    assert {one["id"].partition("/providers/Microsoft.Authorization/")[0] for _, one in theirs} == {
        f"{THEIRS}/{STORAGE}/theirdata"
    }


def is_of_data(assignment: Resource) -> bool:
    return "/stdata" in assignment["id"] or "/theirdata/" in assignment["id"]


def test_the_app_may_send_events_to_the_topic_of_its_setting_and_to_nothing_else() -> None:
    of_theirs = ("appIdentity", "EventGrid Data Sender", "topics")
    assert grants(golden("shared")) - grants(golden("dev")) == {of_theirs}
    topics = {"shared": f"{THEIRS}/{TOPIC}/their-events", "everything": golden("everything").one(TOPIC)["id"]}
    for name, topic in topics.items():
        (assignment,) = (
            one for one in golden(name).every(ROLE) if role_of(golden(name), one) == "EventGrid Data Sender"
        )
        assert assignment["id"].startswith(f"{topic}/providers/Microsoft.Authorization/")
        assert golden(name).outputs["BATCHMGR_EVENT_TOPIC_ID"] == topic


def test_a_topic_that_is_made_takes_cloud_events() -> None:
    assert golden("everything").one(TOPIC)["properties"]["inputSchema"] == "CloudEventSchemaV1_0"


@every_scenario
def test_every_role_has_a_scope_of_one_resource_and_a_reason(made: Golden) -> None:
    for one in made.every(ROLE):
        scope, _, _ = str(one["id"]).partition("/providers/Microsoft.Authorization/")
        assert scope.count("/") == 8, scope
        assert len(one["properties"]["description"]) > 20
        # An identity that was just made is not known everywhere: Azure must not look for its kind.
        is_deployer = one["properties"]["principalId"].endswith("00000000000d")
        assert one["properties"].get("principalType") == (None if is_deployer else "ServicePrincipal")


@every_scenario
def test_nodes_can_write_neither_the_records_of_jobs_nor_packages(made: Golden) -> None:
    for one in made.every(ROLE):
        is_of_nodes = "nodeIdentity" in one["properties"]["principalId"]
        if is_of_nodes and role_of(made, one) in {"Storage Blob Data Contributor", OWN_ROLE}:
            guarded = "'app-'" if is_of_data(one) else "'batchmgr-'"
            assert guarded in one["properties"]["condition"]
            assert one["properties"]["condition"].count("(") == one["properties"]["condition"].count(")")
            assert one["properties"]["conditionVersion"] == "2.0"


@pytest.mark.parametrize("name", ["dev", "prod", "shared"])
def test_with_signatures_nodes_read_application_packages_and_nothing_else(name: str) -> None:
    (given,) = (one for one in golden(name).every(ROLE) if "nodeIdentity" in one["properties"]["principalId"])
    assert (role_of(golden(name), given), is_of_data(given)) == ("Storage Blob Data Reader", True)
    assert given["properties"]["conditionVersion"] == "2.0"
    nodes = Assignment(role="Storage Blob Data Reader", condition=given["properties"]["condition"])
    assert nodes.allows(["blob:blobs/read"], "app-aligner-5f3c")
    for container in ("genomes", "job-1", "batchmgr-jobs", "myapp-1"):
        assert not nodes.allows(["blob:blobs/read"], container)


def test_nodes_can_do_nothing_with_the_containers_of_batchmgr() -> None:
    (role,) = golden("everything").every("Microsoft.Authorization/roleDefinitions")
    (permissions,) = role["properties"]["permissions"]
    assert permissions["actions"] == []  # to delete a container is one of these
    blobs = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/"
    given = {action.removeprefix(blobs) for action in permissions["dataActions"]}
    assert given == {"read", "write", "add/action", "delete"}
    (assignment,) = (one for one in golden("everything").every(ROLE) if role_id(one) == role["id"])
    # What the role allows is what its condition is about.
    assert set(re.findall(rf"{blobs}([\w/]+)", assignment["properties"]["condition"])) == given


def role_id(assignment: Resource) -> str:
    return str(assignment["properties"]["roleDefinitionId"])


@every_scenario
def test_a_container_that_was_deleted_can_be_had_back(made: Golden) -> None:
    kept = [
        one["name"].partition("/")[0]
        for one in made.every(f"{STORAGE}/blobServices")
        if one["properties"]["containerDeleteRetentionPolicy"] == {"enabled": True, "days": 7}
    ]
    assert sorted(kept) == sorted(account["name"] for account in made.every(STORAGE))


@every_scenario
def test_nothing_takes_a_key(made: Golden) -> None:
    for account in made.every(STORAGE):
        assert account["properties"]["allowSharedKeyAccess"] is False
        assert account["properties"]["allowBlobPublicAccess"] is False
    for account in made.every(BATCH):
        assert account["properties"]["allowedAuthenticationModes"] == ["AAD"]
    for topic in made.every(TOPIC):
        assert topic["properties"]["disableLocalAuth"] is True
    assert made.one("Microsoft.Insights/components")["properties"]["DisableLocalAuth"] is True
    assert made.one("Microsoft.KeyVault/vaults")["properties"]["enableRbacAuthorization"] is True
    for policy in made.every("Microsoft.Web/sites/basicPublishingCredentialsPolicies"):
        assert policy["properties"]["allow"] is False


def test_what_is_there_already_is_not_made() -> None:
    made = golden("everything")
    for kind in (BATCH, "Microsoft.OperationalInsights/workspaces", "Microsoft.EventGrid/systemTopics"):
        assert made.every(kind) == []
    assert [account["name"][:6] for account in made.every(STORAGE)] == ["stdata"]
    assert golden("shared").every(TOPIC) == []
    assert [account["name"][:2] for account in golden("shared").every(STORAGE)] == ["st"]
    assert "stdata" not in str(golden("shared").document)
    assert "their-topic" in made.outputs["BATCHMGR_SYSTEM_TOPIC_ID"]
    assert made.settings["BATCHMGR_NODE_IDENTITY"].endswith("id-nodes-" + made.one(STORAGE)["name"][6:])


@pytest.mark.parametrize(("name", "of_the_topic"), [("prod", []), ("everything", ["topic"])])
def test_a_private_network_closes_all_data_and_has_a_way_to_each(name: str, of_the_topic: list[str]) -> None:
    made = golden(name)
    for kind in (STORAGE, BATCH, "Microsoft.KeyVault/vaults", TOPIC):
        assert {one["properties"]["publicNetworkAccess"] for one in made.every(kind)} <= {"Disabled"}
    services = [
        one["properties"]["privateLinkServiceConnections"][0]["properties"]["groupIds"][0]
        for one in made.every("Microsoft.Network/privateEndpoints")
    ]
    expected = ["batchAccount", "blob", "blob", "nodeManagement", "queue", *of_the_topic, "vault"]
    assert sorted(services) == expected
    for pool in made.every(f"{BATCH}/pools"):
        address = pool["properties"]["networkConfiguration"]["publicIPAddressConfiguration"]
        assert address == {"provision": "NoPublicIPAddresses"}
    assert golden("dev").every("Microsoft.Network/virtualNetworks") == []


def test_the_roles_of_the_template_are_the_built_in_ones() -> None:
    written = re.findall(r'"([\w ]+)": "([0-9a-f-]{36})"', (INFRA / "roles.json").read_text())
    assert {guid: name for name, guid in written} == BUILT_IN
