"""infra/README.md and docs/deploy.md leave nothing out, and name nothing that is not there."""

import re

import pytest

from tests.infra.bicep import INFRA, ROOT, SCENARIOS
from tests.infra.golden import golden
from tests.infra.test_access import grants

README = (INFRA / "README.md").read_text()
DEPLOY = (ROOT / "docs" / "deploy.md").read_text()
PARAMETERS = (INFRA / "main.bicepparam").read_text()


def test_every_variable_is_documented_and_no_other() -> None:
    read = set(re.findall(r"readEnvironmentVariable\('(\w+)'", PARAMETERS))
    variables = README.partition("\n## Variables\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in variables.splitlines() if line.startswith("| `")]
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == read


def test_every_parameter_of_a_stage_is_documented() -> None:
    for name in re.findall(r"^param (\w+) = stage\.", PARAMETERS, re.MULTILINE):
        assert re.search(rf"`{name}[.`]", README), name
    types = (INFRA / "types.bicep").read_text()
    app = types.partition("type appType = {")[2].partition("\n}")[0]
    pool = types.partition("type poolType = {")[2].partition("\n}")[0]
    for name in re.findall(r"^  (\w+):", app, re.MULTILINE):
        assert f"`app.{name}`" in README, name
    for name in re.findall(r"^  (\w+):", pool, re.MULTILINE):
        assert f"`{name}`" in README, name


HOLDERS = {
    "app": "appIdentity",
    "nodes": "nodeIdentity",
    "Batch account": "batchAccount",
    "who deploys": "deployer",
}
PLACES = {
    "batchmgr's storage account": "storageAccounts",
    "data account": "data",
    "Batch account": "batchAccounts",
    "the vault": "vaults",
    "the event topic": "topics",
    "Application Insights": "components",
    "the registry of a pool": "registries",
}


def test_every_role_that_is_given_is_explained_and_no_other() -> None:
    roles = README.partition("\n## Roles\n")[2].partition("\n## ")[0]
    rows = [
        [cell.strip() for cell in line.split("|")[1:4]]
        for line in roles.splitlines()
        if line.startswith("| ")
    ]
    explained = {(HOLDERS[who], role, PLACES[place.partition(",")[0]]) for who, role, place in rows[2:]}
    assert explained == {grant for name in SCENARIOS for grant in grants(golden(name))}


@pytest.mark.parametrize("name", sorted(set(re.findall(r"azd env get-value (\w+)", DEPLOY))))
def test_a_value_that_the_page_takes_from_azd_is_an_output(name: str) -> None:
    assert name in set(golden("dev").outputs) | {"AZURE_SUBSCRIPTION_ID"}


@pytest.mark.parametrize("name", sorted(set(re.findall(r"azd env set (\w+)", DEPLOY))))
def test_a_value_that_the_page_gives_to_azd_is_read(name: str) -> None:
    assert f"readEnvironmentVariable('{name}'" in PARAMETERS


def test_what_the_page_says_that_a_hook_tells_is_what_it_tells() -> None:
    table = DEPLOY.partition("\n## If it does not work\n")[2]
    sources = "".join(path.read_text() for path in (INFRA / "hooks").glob("*.py"))
    for said in (
        "the app has no function",
        "the app has no key",
        "Event Grid does not take the subscription",
    ):
        assert f"`{said}" in table
        assert said in sources


def test_the_resource_group_and_the_stages_are_those_of_the_template() -> None:
    group = golden("dev").one("Microsoft.Resources/resourceGroups")
    assert f"`{group['name']}`" in DEPLOY
    for stage in (INFRA / "stages").glob("*.bicep"):
        assert f"(../infra/stages/{stage.name})" in DEPLOY
