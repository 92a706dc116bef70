"""In each mode of the worker, everything leaves the process once: real processes, real exporters."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.telemetry.receiver import Receiver, receiving

ROOT = Path(__file__).parents[2]
Run = Callable[..., list[str]]
TOLD = ["the job is told of", "the workload is told of"]
METRIC = "batchmgr.job.transitions"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


def run_worker(storage: str, tmp_path: Path, settings: dict[str, str]) -> list[str]:
    """Run a worker to its end, at which all is exported. Return what it has forwarded to the host."""
    clean = {
        n: v for n, v in os.environ.items() if not n.startswith(("OTEL_", "APPLICATIONINSIGHTS", "PYTHON_"))
    }
    environment = clean | {
        "AzureWebJobsStorage": storage,
        "BATCHMGR_BATCH_ENDPOINT": "http://127.0.0.1:1",
        "BATCHMGR_POLL_SCHEDULE": "*/15 * * * * *",
        "WEBSITE_SITE_NAME": "my-app",
        "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "true",
        "OTEL_TRACES_SAMPLER": "always_on",
        "PYTHONPATH": f"{ROOT}",
        "TMPDIR": str(tmp_path),
        **settings,
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.telemetry.worker"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [line.removeprefix("forwarded: ") for line in done.stdout.splitlines()]


@pytest.fixture
def run(connection_string: str, tmp_path: Path) -> Run:
    """Run a worker with these settings."""
    return lambda **settings: run_worker(connection_string, tmp_path, settings)


def test_without_a_setting_the_host_exports_and_batchmgr_does_not(receiver: Receiver, run: Run) -> None:
    lines = run(APPLICATIONINSIGHTS_CONNECTION_STRING=receiver.connection_string)
    assert [line for line in lines if line in TOLD] == TOLD
    assert any("batchmgr exports no spans and metrics" in line for line in lines)
    assert (receiver.envelopes, receiver.otlp) == ([], [])


def test_false_does_not_mean_true(receiver: Receiver, run: Run) -> None:
    settings = {"PYTHON_ENABLE_OPENTELEMETRY": "false", "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}
    run(APPLICATIONINSIGHTS_CONNECTION_STRING=receiver.connection_string, **settings)
    assert (receiver.envelopes, receiver.otlp) == ([], [])


def check_exported_once(receiver: Receiver) -> None:
    assert sorted(text for text in receiver.messages() if text in TOLD) == TOLD
    spans = [e for e in receiver.envelopes if e["data"]["baseType"] == "RemoteDependencyData"]
    assert [e["data"]["baseData"]["name"] for e in spans].count("submit job") == 1
    metrics = [
        e["data"]["baseData"]["metrics"][0] for e in receiver.envelopes if e["name"].endswith("Metric")
    ]
    assert [metric["value"] for metric in metrics if metric["name"] == METRIC] == [1]
    assert receiver.roles() == {"my-app"}
    (log,) = [e for e in receiver.envelopes if e["data"]["baseData"].get("message") == TOLD[0]]
    assert log["data"]["baseData"]["properties"]["batchmgr.job.id"] == "job-1"
    (span,) = [e for e in spans if e["data"]["baseData"]["name"] == "submit job"]
    # The exporter's own records of each transmission would be exported, for ever.
    assert [text for text in receiver.messages() if "Transmission" in text] == []
    assert log["tags"]["ai.operation.id"] == span["tags"]["ai.operation.id"]


def test_if_the_worker_exports_everything_arrives_once(receiver: Receiver, run: Run) -> None:
    run(
        APPLICATIONINSIGHTS_CONNECTION_STRING=receiver.connection_string,
        PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY="true",
        PYTHON_ENABLE_OPENTELEMETRY="true",
    )
    check_exported_once(receiver)


def test_if_batchmgr_exports_everything_arrives_once(receiver: Receiver, run: Run) -> None:
    run(
        APPLICATIONINSIGHTS_CONNECTION_STRING=receiver.connection_string,
        PYTHON_ENABLE_OPENTELEMETRY="true",
    )
    check_exported_once(receiver)
    assert receiver.otlp == []


def test_the_export_starts_once_even_if_the_app_is_loaded_twice(receiver: Receiver, run: Run) -> None:
    lines = run(
        APPLICATIONINSIGHTS_CONNECTION_STRING=receiver.connection_string,
        PYTHON_ENABLE_OPENTELEMETRY="true",
        APPS="2",
    )
    check_exported_once(receiver)
    assert [line for line in lines if "telemetry is exported already" in line] != []


def check_otlp(receiver: Receiver, role: str) -> None:
    told = sorted(text for kind, _, text in receiver.otlp if kind == "log" and text in TOLD)
    assert told == TOLD
    assert receiver.otlp.count(("span", role, "submit job")) == 1
    assert receiver.otlp.count(("metric", role, METRIC)) == 1
    assert {found for _, found, _ in receiver.otlp} == {role}


def test_by_otlp_everything_arrives_once_and_calls_to_azure_are_spans(receiver: Receiver, run: Run) -> None:
    run(OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url, PYTHON_ENABLE_OPENTELEMETRY="1")
    check_otlp(receiver, "my-app")
    assert ("span", "my-app", "blob PUT container") in receiver.otlp
    assert receiver.envelopes == []


def test_the_name_of_the_app_can_be_set(receiver: Receiver, run: Run) -> None:
    run(
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url,
        PYTHON_ENABLE_OPENTELEMETRY="true",
        OTEL_SERVICE_NAME="another",
    )
    check_otlp(receiver, "another")


def test_batchmgr_exports_to_both(receiver: Receiver, run: Run) -> None:
    run(
        APPLICATIONINSIGHTS_CONNECTION_STRING=receiver.connection_string,
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url,
        PYTHON_ENABLE_OPENTELEMETRY="true",
    )
    check_exported_once(receiver)
    check_otlp(receiver, "my-app")


def test_a_wrong_connection_string_is_told_and_survived(receiver: Receiver, run: Run) -> None:
    lines = run(
        APPLICATIONINSIGHTS_CONNECTION_STRING="InstrumentationKey=secret",
        PYTHON_ENABLE_OPENTELEMETRY="true",
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url,
    )
    assert [line for line in lines if "APPLICATIONINSIGHTS_CONNECTION_STRING can't be used" in line]
    assert not [line for line in lines if "secret" in line]
    check_otlp(receiver, "my-app")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"PYTHON_ENABLE_OPENTELEMETRY": "true"}, "nothing says where telemetry goes"),
        (
            {"PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY": "true", "OLD_WORKER": "1"},
            "the Functions worker exports nothing",
        ),
    ],
)
def test_telemetry_that_goes_nowhere_is_told(settings: dict[str, str], expected: str, run: Run) -> None:
    lines = run(**settings)
    assert len([line for line in lines if expected in line]) == 1


def test_settings_that_are_wrong_are_exported_too(receiver: Receiver, run: Run) -> None:
    run(
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url,
        PYTHON_ENABLE_OPENTELEMETRY="true",
        BATCHMGR_BLOB_SOURCE="Sometimes",
    )
    assert [text for kind, _, text in receiver.otlp if "BATCHMGR_BLOB_SOURCE" in text] != []
