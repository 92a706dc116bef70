"""Settings: defaults, errors that name the setting, and documentation of every setting."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from batchmgr import settings as module
from batchmgr.adapters.telemetry import Exporter
from batchmgr.errors import SettingsError
from batchmgr.model.callback_rules import CallbackRules
from batchmgr.model.retention import Retention
from batchmgr.settings import DEVELOPMENT_STORAGE, Settings

ROOT = Path(__file__).parents[2]
COMPLETE = {"AzureWebJobsStorage": "UseDevelopmentStorage=true", "BATCHMGR_BATCH_ENDPOINT": "http://b"}


def test_development_storage_is_azurite_on_its_default_ports() -> None:
    settings = Settings.from_environment(COMPLETE)
    assert settings.storage_connection_string == DEVELOPMENT_STORAGE
    settings.check()


def test_an_account_name_gives_the_service_uris() -> None:
    settings = Settings.from_environment(
        {
            "AzureWebJobsStorage__accountName": "acct",
            "BATCHMGR_BATCH_ENDPOINT": "b.westeurope.batch.azure.com/",
        }
    )
    assert settings.blob_service_uri == "https://acct.blob.core.windows.net"
    assert settings.queue_service_uri == "https://acct.queue.core.windows.net"
    assert settings.batch_endpoint == "https://b.westeurope.batch.azure.com"
    settings.check()


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({}, "AzureWebJobsStorage"),
        ({"AzureWebJobsStorage": "x"}, "BATCHMGR_BATCH_ENDPOINT"),
        ({**COMPLETE, "BATCHMGR_BATCH_KEY": "k"}, "BATCHMGR_BATCH_ACCOUNT"),
        ({**COMPLETE, "BATCHMGR_BLOB_SOURCE": "Scan"}, "BATCHMGR_BLOB_SOURCE"),
        ({**COMPLETE, "BATCHMGR_KEEP_TASK_FILES": "some"}, "BATCHMGR_KEEP_TASK_FILES"),
        ({**COMPLETE, "BATCHMGR_WORKLOADS": "a=b"}, "BATCHMGR_WORKLOADS"),
        ({**COMPLETE, "BATCHMGR_WORKLOADS": "a=b:C, a=d:E"}, "two workloads named 'a'"),
        ({**COMPLETE, "BATCHMGR_CALLBACK_KEY": "whsec_%"}, "BATCHMGR_CALLBACK_KEY"),
        ({**COMPLETE, "BATCHMGR_CALLBACK_ATTEMPTS": "11"}, "BATCHMGR_CALLBACK_ATTEMPTS is '11': .* 1 to 10"),
        ({**COMPLETE, "BATCHMGR_CALLBACK_ATTEMPTS": "0"}, "BATCHMGR_CALLBACK_ATTEMPTS"),
        ({**COMPLETE, "BATCHMGR_CALLBACK_PORTS": "443,https"}, "BATCHMGR_CALLBACK_PORTS is '443,https'"),
        ({**COMPLETE, "BATCHMGR_CALLBACK_PORTS": "65536"}, "BATCHMGR_CALLBACK_PORTS"),
        (
            {**COMPLETE, "BATCHMGR_CALLBACK_NETWORKS": "10.0.0.0/8,0.0.0.0/0"},
            "'0.0.0.0/0', which is no private",
        ),
        (
            {**COMPLETE, "BATCHMGR_CALLBACK_NETWORKS": "169.254.0.0/16"},
            "'169.254.0.0/16', which is no private",
        ),
        ({**COMPLETE, "BATCHMGR_CALLBACK_NETWORKS": "here"}, "BATCHMGR_CALLBACK_NETWORKS has 'here'"),
        ({**COMPLETE, "BATCHMGR_STALL_LIMIT": "6h"}, "BATCHMGR_STALL_LIMIT is '6h'"),
        ({**COMPLETE, "BATCHMGR_STALL_LIMIT": "PT0S"}, "BATCHMGR_STALL_LIMIT"),
        ({**COMPLETE, "BATCHMGR_STALL_LIMIT": "-PT1H"}, "BATCHMGR_STALL_LIMIT"),
        ({**COMPLETE, "BATCHMGR_STALL_LIMIT": "P9999999999D"}, "BATCHMGR_STALL_LIMIT"),
    ],
)
def test_a_missing_or_wrong_setting_is_named(environment: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        Settings.from_environment(environment).check()


def test_a_callback_is_given_up_after_ten_attempts_or_fewer() -> None:
    assert Settings.from_environment(COMPLETE).callback_attempts == 10
    assert Settings.from_environment({**COMPLETE, "BATCHMGR_CALLBACK_ATTEMPTS": "2"}).callback_attempts == 2


def test_callbacks_go_to_data_factory_only_by_default() -> None:
    settings = Settings.from_environment(COMPLETE)
    assert settings.callback_hosts == ("*.datafactory.azure.com",)
    assert not settings.allow_loopback_callbacks
    assert settings.callback_rules == CallbackRules(hosts=("*.datafactory.azure.com",), ports=(443,))


def test_callbacks_may_go_to_more_ports_and_into_private_networks() -> None:
    more = {"BATCHMGR_CALLBACK_PORTS": "443, 8443", "BATCHMGR_CALLBACK_NETWORKS": "10.1.0.0/16, fd12::/48"}
    rules = Settings.from_environment(COMPLETE | more).callback_rules
    assert rules.ports == (443, 8443)
    assert [str(network) for network in rules.networks] == ["10.1.0.0/16", "fd12::/48"]


def test_workloads_are_named_with_their_classes() -> None:
    settings = Settings.from_environment({**COMPLETE, "BATCHMGR_WORKLOADS": "a=b.c:D, e-f = g:H,"})
    assert settings.workloads == {"a": "b.c:D", "e-f": "g:H"}


@pytest.mark.parametrize(
    ("worker", "own", "exporter"),
    [
        ("", "", Exporter.HOST),
        ("", "false", Exporter.HOST),
        ("false", "0", Exporter.HOST),
        ("", "true", Exporter.BATCHMGR),
        ("no", "Y", Exporter.BATCHMGR),
        ("true", "", Exporter.WORKER),
        ("t", "true", Exporter.WORKER),
    ],
)
def test_one_exports_telemetry_as_the_worker_understands_the_two_settings(
    worker: str, own: str, exporter: Exporter
) -> None:
    environment = {
        "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY": worker,
        "PYTHON_ENABLE_OPENTELEMETRY": own,
    }
    assert Settings.from_environment({**COMPLETE, **environment}).telemetry.exporter is exporter


def test_telemetry_has_the_name_of_the_app() -> None:
    options = Settings.from_environment({**COMPLETE, "WEBSITE_SITE_NAME": "my-app"}).telemetry
    assert options.role_name == "my-app"
    assert Settings.from_environment(COMPLETE).telemetry.role_name == "batchmgr"


def test_secrets_are_not_in_the_repr() -> None:
    environment = {
        **COMPLETE,
        "BATCHMGR_BATCH_KEY": "hidden-1",
        "BATCHMGR_CALLBACK_KEY": "whsec_aGlkZGVuLTI=",
        "APPLICATIONINSIGHTS_CONNECTION_STRING": "hidden-3",
    }
    shown = repr(Settings.from_environment(environment))
    assert "hidden" not in shown
    assert "AccountKey" not in shown


def test_every_setting_is_documented() -> None:
    source = Path(module.__file__).read_text()
    names = set(re.findall(r'"((?:BATCHMGR|APPLICATIONINSIGHTS|PYTHON)_[A-Z_]+)"', source))
    names |= set(re.findall(r'"(BATCHMGR_[A-Z_]+)"', (ROOT / "local.settings.sample.json").read_text()))
    documented = set(re.findall(r"^\| `([A-Za-z_]+)`", (ROOT / "docs/settings.md").read_text(), re.MULTILINE))
    assert names <= documented
    assert {name for name in documented if name.startswith("BATCHMGR_")} <= names


def test_nothing_else_reads_the_environment() -> None:
    readers = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "batchmgr").rglob("*.py")
        if re.search(r"os\.environ|getenv", path.read_text())
    ]
    template = "batchmgr/packaging/template/"  # the author's code
    local = ("cli", "client", "devstack", "dispatcher", "workload")
    allowed = (*(f"batchmgr/{name}/" for name in local), template)
    assert [path for path in readers if not path.startswith(allowed)] == []


def test_callers_take_turns_only_if_a_metadata_key_is_set() -> None:
    assert Settings.from_environment(COMPLETE).fair_share == ""
    assert Settings.from_environment({**COMPLETE, "BATCHMGR_FAIR_SHARE": " team "}).fair_share == "team"


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        (None, "taskFailure"),
        ("failed", "taskFailure"),
        ("all", "taskCompletion"),
        ("none", ""),
        (" ", "taskFailure"),
    ],
)
def test_streams_of_failed_tasks_are_kept_or_of_all_or_of_none(text: str | None, condition: str) -> None:
    given = {} if text is None else {"BATCHMGR_KEEP_TASK_FILES": text}
    assert Settings.from_environment({**COMPLETE, **given}).keep_streams == condition


def test_jobs_may_name_the_containers_that_a_pattern_allows_and_never_a_reserved_one() -> None:
    assert Settings.from_environment(COMPLETE).containers == ("*",)
    some = Settings.from_environment({**COMPLETE, "BATCHMGR_CONTAINERS": " genomes, team-* ,"})
    assert some.containers == ("genomes", "team-*")
    for wrong in ("Genomes", "a/b", "batchmgr-*", "azure-webjobs-secrets"):
        with pytest.raises(SettingsError, match="BATCHMGR_CONTAINERS"):
            Settings.from_environment({**COMPLETE, "BATCHMGR_CONTAINERS": wrong})


def test_the_account_for_data_is_a_name_a_url_or_a_connection_string() -> None:
    def data(text: str) -> tuple[str, str]:
        settings = Settings.from_environment({**COMPLETE, "BATCHMGR_DATA_STORAGE": text})
        return settings.data_service_uri, settings.data_connection_string

    assert data("") == ("", "")
    assert data("stdata") == ("https://stdata.blob.core.windows.net", "")
    assert data("https://stdata.blob.core.windows.net") == ("https://stdata.blob.core.windows.net", "")
    assert data("AccountName=a;AccountKey=b") == ("", "AccountName=a;AccountKey=b")


def test_there_is_no_stall_limit_unless_one_is_set() -> None:
    assert Settings.from_environment(COMPLETE).stall_limit is None
    settings = Settings.from_environment({**COMPLETE, "BATCHMGR_STALL_LIMIT": " P1DT6H "})
    assert settings.stall_limit == timedelta(days=1, hours=6)


def test_what_is_kept_has_a_time_unless_it_is_set() -> None:
    assert Settings.from_environment(COMPLETE).keep == Retention(
        batch_jobs=timedelta(days=7), jobs=timedelta(days=30), messages=timedelta(days=14)
    )
    times = {
        "BATCHMGR_KEEP_BATCH_JOBS": "PT12H",
        "BATCHMGR_KEEP_JOBS": " P7D ",
        "BATCHMGR_KEEP_MESSAGES": "Forever",
    }
    assert Settings.from_environment({**COMPLETE, **times}).keep == Retention(
        batch_jobs=timedelta(hours=12), jobs=timedelta(days=7), messages=None
    )


@pytest.mark.parametrize("text", ["30", "P0D", "-P1D", "P1Y", "P40000D", "never"])
def test_a_time_to_keep_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"BATCHMGR_KEEP_JOBS is .*: set it to .* P30D, or to forever"):
        Settings.from_environment({**COMPLETE, "BATCHMGR_KEEP_JOBS": text})


def test_the_retention_runs_each_night_unless_it_is_set() -> None:
    assert Settings.from_environment(COMPLETE).retention_schedule == "0 30 3 * * *"
    hourly = {**COMPLETE, "BATCHMGR_RETENTION_SCHEDULE": "0 0 * * * *"}
    assert Settings.from_environment(hourly).retention_schedule == "0 0 * * * *"
