"""The Functions app that infra/ makes is the app of the code: settings, queues, containers and names."""

import json
import re
from pathlib import Path

import azure.functions as func
import pytest
import yaml

from batchmgr import settings as settings_module
from batchmgr.adapters.queue_names import QUEUES
from batchmgr.devstack.app_settings import settings_without_keys
from batchmgr.devstack.local_identities import APP, NODES
from batchmgr.functions import blueprints
from batchmgr.plan.file_specifications import OWN_CONTAINERS
from batchmgr.runtime import Runtime
from batchmgr.settings import Settings
from tests.infra.bicep import INFRA, ROOT, SCENARIOS
from tests.infra.golden import BATCH, SITE, STORAGE, Golden, golden

OF_THE_HOST = {
    "AzureWebJobsStorage__credential": "the host needs it with a user-assigned identity",
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING": "host and exporter sign in to Application Insights with it",
}
NEVER_WRITTEN = {
    "AzureWebJobsStorage": "a key",
    "AzureWebJobsStorage__accountName": "the two service URLs are in its place",
    "BATCHMGR_BATCH_KEY": "a key",
    "BATCHMGR_BATCH_ACCOUNT": "only for a key",
    "BATCHMGR_ALLOW_LOOPBACK_CALLBACKS": "only for local runs",
    "PYTHON_ENABLE_OPENTELEMETRY": "the worker exports by the other setting",
}
FORBIDDEN_ON_FLEX = re.compile(
    r"FUNCTIONS_(WORKER_RUNTIME|WORKER_RUNTIME_VERSION|EXTENSION_VERSION|MAX_HTTP_CONCURRENCY"
    r"|WORKER_PROCESS_COUNT|WORKER_DYNAMIC_CONCURRENCY_ENABLED)"
    r"|WEBSITE_.*|TZ|ENABLE_ORYX_BUILD|SCM_DO_BUILD_DURING_DEPLOYMENT"
)
every_scenario = pytest.mark.parametrize("made", [pytest.param(golden(name), id=name) for name in SCENARIOS])


def read_settings() -> set[str]:
    """The names of the settings that the code reads."""
    source = Path(settings_module.__file__).read_text()
    names = set(re.findall(r'"((?:BATCHMGR|APPLICATIONINSIGHTS|PYTHON)_[A-Z_]+)"', source))
    return (
        names
        | {"AzureWebJobsStorage"}
        | {f"AzureWebJobsStorage{end}" for end in re.findall(r"\{STORAGE\}(__\w+)", source)}
    )


def functions() -> dict[str, dict[str, object]]:
    """The trigger of each function, by the function's name."""
    app = func.FunctionApp()
    for blueprint in blueprints(Runtime(Settings())):
        app.register_functions(blueprint)
    return {
        str(function.get_function_name()): json.loads(str(function))["bindings"][0]
        for function in app.get_functions()
    }


def test_every_setting_that_the_code_reads_is_written_or_has_a_reason() -> None:
    written = {name for scenario in SCENARIOS for name in golden(scenario).settings}
    assert written - set(OF_THE_HOST) == read_settings() - set(NEVER_WRITTEN)


def test_every_setting_that_is_written_is_documented() -> None:
    page = (ROOT / "docs" / "settings.md").read_text()
    documented = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    assert {name for scenario in SCENARIOS for name in golden(scenario).settings} <= documented


@every_scenario
def test_no_setting_is_written_that_nobody_reads_or_that_flex_refuses(made: Golden) -> None:
    assert set(made.settings) <= read_settings() - set(NEVER_WRITTEN) | set(OF_THE_HOST)
    assert [name for name in made.settings if FORBIDDEN_ON_FLEX.fullmatch(name)] == []


ENDPOINT = "https://topic.westeurope-1.eventgrid.azure.net/api/events"
"""What Azure puts in place of the reference to a topic."""


@every_scenario
def test_the_settings_are_complete_and_hold_no_key(made: Golden) -> None:
    key = "whsec_c2VjcmV0"  # what the host puts in place of the reference to Key Vault
    topic = {"BATCHMGR_EVENT_TOPIC": ENDPOINT} if "BATCHMGR_EVENT_TOPIC" in made.settings else {}
    settings = Settings.from_environment({**made.settings, **topic, "BATCHMGR_CALLBACK_KEY": key})
    settings.check()
    assert settings.blob_source == "EventGrid"
    assert settings.callback_key == b"secret"
    assert re.fullmatch(
        r"@Microsoft\.KeyVault\(SecretUri=\S+/secrets/callback-key.*\)|\[.*/secrets/callback-key.*\]",
        made.settings["BATCHMGR_CALLBACK_KEY"],
    )
    assert made.settings["AzureWebJobsStorage__credential"] == "managedidentity"
    assert made.settings["PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY"] == "true"
    assert "connectionString" in made.settings["APPLICATIONINSIGHTS_CONNECTION_STRING"]


def test_files_of_jobs_are_in_the_data_account_that_is_made_or_there_already() -> None:
    for name in SCENARIOS:
        account = golden(name).outputs["BATCHMGR_DATA_ACCOUNT"]
        assert account == "theirdata" if name == "shared" else account.startswith("stdata")
        uri = f"[format('https://{{0}}.blob.{{1}}', '{account}', environment().suffixes.storage)]"
        assert golden(name).settings["BATCHMGR_DATA_STORAGE"] == uri


def test_events_go_to_the_topic_that_is_made_or_there_already_and_else_to_the_queue_only() -> None:
    told = {name: golden(name).settings.get("BATCHMGR_EVENT_TOPIC", "") for name in SCENARIOS}
    assert {name for name, endpoint in told.items() if endpoint} == {"shared", "everything"}
    for name, group in (("shared", "'shared'"), ("everything", "'rg-batchmgr-everything'")):
        assert re.fullmatch(
            rf"\[reference\(.*{group}.*'eventTopicEndpoint-.*\.outputs\.endpoint\.value\]", told[name]
        )


ONLY_HERE = {"FUNCTIONS_WORKER_RUNTIME", "BATCHMGR_ALLOW_LOOPBACK_CALLBACKS"}
ONLY_DEPLOYED = {
    "BATCHMGR_CALLBACK_KEY": "Key Vault has it",
    "BATCHMGR_CALLBACK_ATTEMPTS": "as a stage likes",
    "BATCHMGR_CALLBACK_NETWORKS": "as a stage likes",
    "BATCHMGR_CALLBACK_PORTS": "as a stage likes",
    "BATCHMGR_CONTAINERS": "as a stage likes",
    "BATCHMGR_DATA_STORAGE": "with a data account",
    "BATCHMGR_FAIR_SHARE": "as a stage likes",
    "BATCHMGR_PRICES": "as a stage likes",
    "BATCHMGR_EVENT_TOPIC": "with a topic",
    "BATCHMGR_KEEP_BATCH_JOBS": "as a stage likes",
    "BATCHMGR_KEEP_JOBS": "as a stage likes",
    "BATCHMGR_KEEP_MESSAGES": "as a stage likes",
    "BATCHMGR_KEEP_TASK_FILES": "as a stage likes",
    "BATCHMGR_RETENTION_SCHEDULE": "as a stage likes",
    "BATCHMGR_STALL_LIMIT": "as a stage likes",
    "BATCHMGR_BODY_LIMIT_MIB": "as a stage likes",
    "BATCHMGR_WORKLOADS": "as a stage likes",
}
SHAPES = {
    "AzureWebJobsStorage__blobServiceUri": (
        r"https://127\.0\.0\.1:\d+/\w+",
        r".*'https://\{0\}\.blob\.\{1\}'.*",
    ),
    "AzureWebJobsStorage__queueServiceUri": (
        r"https://127\.0\.0\.1:\d+/\w+",
        r".*'https://\{0\}\.queue\.\{1\}'.*",
    ),
    "AzureWebJobsStorage__clientId": (r"[0-9a-f-]{36}", r".*appIdentity-.*\.outputs\.clientId\.value\]"),
    "BATCHMGR_BATCH_ENDPOINT": (r"https://127\.0\.0\.1:\d+", r".*batch-.*\.outputs\.endpoint\.value\]"),
    "BATCHMGR_NODE_IDENTITY": (r"/subscriptions/.*/userAssignedIdentities/[\w-]+",) * 2,
}
"""The values of these settings here and in a deployment. All others that are not of a stage are the same."""
OF_A_STAGE = {"BATCHMGR_POOL_ID", "BATCHMGR_POLL_SCHEDULE", "BATCHMGR_CALLBACK_HOSTS"}


@every_scenario
def test_the_local_stack_without_keys_has_the_settings_of_a_deployment(made: Golden) -> None:
    deployed = {
        name: value
        for name, value in made.settings.items()
        if name.startswith(("AzureWebJobsStorage", "BATCHMGR_")) and name not in ONLY_DEPLOYED
    }
    here = settings_without_keys(
        services={
            kind: f"https://127.0.0.1:1/{'acct' * (kind != 'batch')}" for kind in ("blob", "queue", "batch")
        },
        client_id=APP.client_id,
        node_identity=NODES.resource_id if "BATCHMGR_NODE_IDENTITY" in deployed else "",
        blob_source="EventGrid",
    )
    assert set(here) - ONLY_HERE == set(deployed)
    for name in set(deployed) - OF_A_STAGE:
        if name in SHAPES:
            assert re.fullmatch(SHAPES[name][0], here[name].rstrip("/")), name
            assert re.fullmatch(SHAPES[name][1], deployed[name]), name
        else:
            assert here[name] == deployed[name], name


@every_scenario
def test_the_sign_in_to_application_insights_ends_without_a_semicolon(made: Golden) -> None:
    text = made.settings["APPLICATIONINSIGHTS_AUTHENTICATION_STRING"]
    assert re.search(r"'?ClientId=.*;Authorization=AAD", text)
    assert ";Authorization=AAD;" not in text


@every_scenario
def test_the_default_pool_is_one_that_there_is(made: Golden) -> None:
    pools = {str(pool["name"]).rpartition("/")[2] for pool in made.every(f"{BATCH}/pools")}
    assert made.settings["BATCHMGR_POOL_ID"] in pools | {"theirpool"}


@every_scenario
def test_queues_and_containers_are_those_of_the_code(made: Golden) -> None:
    queues = {str(one["name"]).rpartition("/")[2] for one in made.every(f"{STORAGE}/queueServices/queues")}
    containers = {
        str(one["name"]).rpartition("/")[2] for one in made.every(f"{STORAGE}/blobServices/containers")
    }
    assert queues == set(QUEUES)
    assert containers == set(OWN_CONTAINERS) | {"batchmgr-app-package"}


@every_scenario
def test_the_app_runs_on_flex_consumption_with_an_identity(made: Golden) -> None:
    site = made.one(SITE)
    assert made.one("Microsoft.Web/serverfarms")["sku"]["name"] == "FC1"
    assert site["identity"]["type"] == "UserAssigned"
    assert site["properties"]["functionAppConfig"]["runtime"]["name"] == "python"
    storage = site["properties"]["functionAppConfig"]["deployment"]["storage"]
    assert storage["authentication"]["type"] == "UserAssignedIdentity"
    assert "batchmgr-app-package" in storage["value"] or "packageContainer" in storage["value"]
    assert site["properties"]["httpsOnly"] is True


def test_instances_that_are_always_ready_name_functions_that_there_are() -> None:
    names = set(functions())
    for scenario in SCENARIOS:
        config = golden(scenario).one(SITE)["properties"]["functionAppConfig"]
        for ready in config["scaleAndConcurrency"]["alwaysReady"]:
            assert ready["name"] in {"http", "blob"} | {f"function:{name}" for name in names}


def test_azd_finds_the_app_by_its_tag_and_runs_hooks_that_there_are() -> None:
    azure = yaml.safe_load((ROOT / "azure.yaml").read_text())
    (service,) = azure["services"]
    assert {golden(name).one(SITE)["tags"]["azd-service-name"] for name in SCENARIOS} == {service}
    assert azure["services"][service] == {"project": ".", "language": "python", "host": "function"}
    assert (ROOT / azure["infra"]["path"] / f"{azure['infra']['module']}.bicep").exists()
    assert set(azure["hooks"]) == {"postprovision", "postdeploy"}
    assert all((ROOT / hook["run"]).exists() for hook in azure["hooks"].values())
    # Else azd takes the requirements of the whole app for those of the hooks.
    lines = (INFRA / "hooks" / "requirements.txt").read_text().splitlines()
    assert all(line.startswith("#") for line in lines)


@every_scenario
def test_every_variable_that_the_hooks_read_is_an_output(made: Golden) -> None:
    sources = "".join(path.read_text() for path in (INFRA / "hooks").glob("post*.py"))
    read = set(re.findall(r'hook\.variable\("(\w+)"\)', sources))
    assert len(read) == 4
    assert read <= set(made.outputs)


@every_scenario
def test_outputs_hold_no_secret(made: Golden) -> None:
    for name, value in made.outputs.items():
        assert not re.search(r"(?i)key(?!vault|_vault)|secret|password|token|connectionstring", name), name
        assert not re.search(r"(?i)listkeys|listsecrets|connectionstring|accountkey", str(value)), name


def test_the_health_check_that_is_watched_needs_no_key() -> None:
    trigger = functions()["get_health"]
    for scenario in SCENARIOS:
        url = str(golden(scenario).one("Microsoft.Insights/webtests")["properties"]["Request"]["RequestUrl"])
        # The host's name is known only in Azure: in the golden file the URL is an expression, in quotes.
        assert re.search(rf"/api/{trigger['route']}(?:'|$)", url)
    assert str(trigger["authLevel"]).lower() == "anonymous"
