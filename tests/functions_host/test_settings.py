"""host.json, local.settings.json, binding expressions and connections are read as by the real host."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from functions_host.binding_expressions import bind_parameters, resolve_settings
from functions_host.errors import ConfigurationError
from functions_host.settings import (
    HostSettings,
    QueueSettings,
    apply_local_settings,
    default_host_id,
    load_host_settings,
)
from functions_host.storage_connections import StorageConnections


def load(directory: Path, **document: Any) -> HostSettings:
    (directory / "host.json").write_text(json.dumps({"version": "2.0"} | document))
    return load_host_settings(directory, {})


def test_an_empty_host_json_means_the_defaults_of_development(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert settings == HostSettings(host_id=default_host_id(tmp_path))
    assert settings.route_prefix == "api"
    assert settings.function_timeout == timedelta(minutes=30)
    assert settings.queues.batch_size == 16
    assert settings.queues.max_dequeue_count == 5
    assert settings.queues.max_polling_interval == timedelta(seconds=2)
    assert settings.blobs.poison_blob_threshold == 5


def test_host_json_overrides_the_defaults(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        functionTimeout="00:05:00",
        extensions={
            "http": {"routePrefix": "/v1/"},
            "queues": {
                "batchSize": 4,
                "newBatchThreshold": 1,
                "maxDequeueCount": 3,
                "visibilityTimeout": "00:00:30",
                "maxPollingInterval": "00:00:01",
                "messageEncoding": "none",
            },
            "blobs": {"maxDegreeOfParallelism": 2, "poisonBlobThreshold": 1},
        },
    )
    assert settings.function_timeout == timedelta(minutes=5)
    assert settings.route_prefix == "v1"
    assert settings.queues == QueueSettings(
        batch_size=4,
        new_batch_threshold=1,
        max_dequeue_count=3,
        visibility_timeout=timedelta(seconds=30),
        max_polling_interval=timedelta(seconds=1),
        base64=False,
    )
    assert settings.blobs.max_degree_of_parallelism == 2
    assert settings.blobs.poison_blob_threshold == 1


def test_a_timeout_of_minus_one_is_no_timeout(tmp_path: Path) -> None:
    assert load(tmp_path, functionTimeout="-1").function_timeout is None


@pytest.mark.parametrize(
    "document",
    [
        {"version": "1.0"},
        {"functionTimeout": "soon"},
        {"extensions": {"queues": {"batchSize": 33}}},
        {"extensions": {"queues": {"messageEncoding": "utf-8"}}},
        {"extensions": []},
    ],
)
def test_a_host_json_that_cannot_be_used_is_an_error_that_names_it(
    tmp_path: Path, document: dict[str, Any]
) -> None:
    with pytest.raises(ConfigurationError, match=r"host\.json"):
        load(tmp_path, **document)


def test_a_missing_host_json_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="missing"):
        load_host_settings(tmp_path, {})


def test_the_host_id_is_stable_differs_by_directory_and_can_be_set(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0", "id": "of-the-file"}')
    assert load_host_settings(tmp_path, {}).host_id == "of-the-file"
    environment = {"AzureFunctionsWebHost__hostid": "of-the-setting"}
    assert load_host_settings(tmp_path, environment).host_id == "of-the-setting"
    assert default_host_id(tmp_path) == default_host_id(tmp_path / "x" / "..")
    assert default_host_id(tmp_path) != default_host_id(tmp_path / "x")


def test_local_settings_become_environment_but_what_is_set_wins(tmp_path: Path) -> None:
    (tmp_path / "local.settings.json").write_text(
        json.dumps({"IsEncrypted": False, "Values": {"A": "file", "B": "file", "C": None}})
    )
    environment = {"A": "mine"}
    apply_local_settings(tmp_path, environment)
    assert environment == {"A": "mine", "B": "file"}


def test_local_settings_that_do_not_say_they_are_plain_count_as_encrypted(tmp_path: Path) -> None:
    (tmp_path / "local.settings.json").write_text('{"Values": {"A": "x"}}')
    with pytest.raises(ConfigurationError, match="encrypted"):
        apply_local_settings(tmp_path, {})


def test_an_app_without_local_settings_keeps_its_environment(tmp_path: Path) -> None:
    environment = {"A": "mine"}
    apply_local_settings(tmp_path, environment)
    assert environment == {"A": "mine"}


def test_settings_and_parameters_are_filled_in() -> None:
    assert resolve_settings("%A%-x-%B%", {"A": "1", "B": "2"}) == "1-x-2"
    with pytest.raises(ConfigurationError, match="%MISSING%"):
        resolve_settings("%MISSING%", {})
    assert bind_parameters("q-{Name}-{id}", {"name": "a", "ID": "7"}) == "q-a-7"
    with pytest.raises(ValueError, match="'other'"):
        bind_parameters("{other}", {"name": "a"})


CONNECTION = "AccountName=a;AccountKey=a2V5;BlobEndpoint=http://x/{0};QueueEndpoint=http://x/{0};"


async def blob_and_queue_url(settings: dict[str, str], connection: str) -> tuple[str, str]:
    connections = StorageConnections(settings)
    try:
        return connections.blobs(connection).url, connections.queues(connection).url
    finally:
        await connections.close()


@pytest.mark.parametrize(
    ("settings", "connection", "account"),
    [
        ({"AzureWebJobsX": CONNECTION.format("prefixed"), "X": CONNECTION.format("bare")}, "X", "prefixed"),
        ({"X": CONNECTION.format("bare")}, "X", "bare"),
        ({"AzureWebJobsStorage": CONNECTION.format("host")}, "AzureWebJobsStorage", "host"),
        ({"AzureWebJobsStorage": CONNECTION.format("host")}, "Storage", "host"),
    ],
)
async def test_a_connection_string_is_found_with_the_prefix_first(
    settings: dict[str, str], connection: str, account: str
) -> None:
    blob, queue = await blob_and_queue_url(settings, connection)
    assert blob.rstrip("/") == f"http://x/{account}"
    assert queue.rstrip("/") == f"http://x/{account}"


async def test_development_storage_is_the_emulator_at_its_usual_ports() -> None:
    urls = await blob_and_queue_url({"AzureWebJobsStorage": "UseDevelopmentStorage=true"}, "Storage")
    assert [url.rstrip("/") for url in urls] == [
        "http://127.0.0.1:10000/devstoreaccount1",
        "http://127.0.0.1:10001/devstoreaccount1",
    ]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            {"X__accountName": "acc"},
            ("https://acc.blob.core.windows.net", "https://acc.queue.core.windows.net"),
        ),
        (
            {
                "X__blobServiceUri": "https://b.example",
                "X__queueServiceUri": "https://q.example",
                "X__credential": "managedidentity",
                "X__clientId": "11111111-1111-1111-1111-111111111111",
            },
            ("https://b.example", "https://q.example"),
        ),
    ],
)
async def test_a_connection_by_identity_is_found_by_account_or_service(
    settings: dict[str, str], expected: tuple[str, str]
) -> None:
    blob, queue = await blob_and_queue_url(settings, "X")
    assert (blob.rstrip("/"), queue.rstrip("/")) == expected


def test_a_connection_that_is_not_set_is_an_error_that_says_what_to_set() -> None:
    with pytest.raises(ConfigurationError, match=r"AzureWebJobsX.*X__accountName"):
        StorageConnections({}).queues("X")
    with pytest.raises(ConfigurationError, match="X__queueServiceUri"):
        StorageConnections({"X__blobServiceUri": "https://b.example"}).queues("X")
