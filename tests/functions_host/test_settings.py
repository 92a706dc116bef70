"""host.json and local.settings.json are read as by the real host."""

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from functions_host import lenient_json
from functions_host.errors import ConfigurationError
from functions_host.settings import (
    HostSettings,
    QueueSettings,
    apply_local_settings,
    default_host_id,
    load_host_settings,
)


def load(directory: Path, environment: Mapping[str, str] = {}, **document: Any) -> HostSettings:
    (directory / "host.json").write_text(json.dumps({"version": "2.0"} | document))
    return load_host_settings(directory, environment)


def test_an_empty_host_json_means_the_defaults_of_production(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert settings == HostSettings(host_id=default_host_id(tmp_path))
    assert settings.route_prefix == "api"
    assert settings.function_timeout == timedelta(minutes=30)
    assert settings.queues.batch_size == 16
    assert settings.queues.max_dequeue_count == 5
    assert settings.queues.max_polling_interval == timedelta(minutes=1)
    assert settings.blobs.poison_blob_threshold == 5


@pytest.mark.parametrize(
    ("name", "seconds"), [("Development", 2), ("development", 2), ("Production", 60), ("Staging", 60)]
)
def test_the_environment_decides_how_long_idle_queues_are_left_alone(
    tmp_path: Path, name: str, seconds: int
) -> None:
    environment = {"AZURE_FUNCTIONS_ENVIRONMENT": name}
    assert load(tmp_path, environment).queues.max_polling_interval == timedelta(seconds=seconds)
    chosen = load(tmp_path, environment, extensions={"queues": {"maxPollingInterval": "00:00:05"}})
    assert chosen.queues.max_polling_interval == timedelta(seconds=5)


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ({"BATCHSIZE": 4, "MessageEncoding": "None"}, {"batch_size": 4, "base64": False}),
        ({"batchSize": "4", "maxDequeueCount": " 3 "}, {"batch_size": 4, "max_dequeue_count": 3}),
        ({"batchSize": None, "newBatchThreshold": 0}, {"new_batch_threshold": 0}),
        ({"visibilityTimeout": "1.00:00:00"}, {"visibility_timeout": timedelta(days=1)}),
    ],
)
def test_queue_settings_are_read_as_by_dotnet(
    tmp_path: Path, section: dict[str, Any], expected: dict[str, Any]
) -> None:
    queues = load(tmp_path, extensions={"queues": section}).queues
    assert {name: getattr(queues, name) for name in expected} == expected


@pytest.mark.parametrize(
    "section",
    [
        {"batchSize": 0},
        {"batchSize": 33},
        {"batchSize": "many"},
        {"batchSize": 4.5},
        {"batchSize": True},
        {"newBatchThreshold": -1},
        {"maxDequeueCount": 0},
        {"maxDequeueCount": 2**31},
        {"maxPollingInterval": "00:00:00.05"},
        {"messageEncoding": "hex"},
    ],
)
def test_queue_settings_out_of_range_are_an_error(tmp_path: Path, section: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="queues"):
        load(tmp_path, extensions={"queues": section})


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
        {"version": None},
        {"extensions": {"queues": {"batchSize": 33}}},
        {"extensions": {"queues": {"batchSize": "many"}}},
        {"extensions": {"queues": {"visibilityTimeout": "soon"}}},
        {"extensions": {"queues": {"messageEncoding": "utf-8"}}},
    ],
)
def test_a_host_json_that_cannot_be_used_is_an_error_that_names_it(
    tmp_path: Path, document: dict[str, Any]
) -> None:
    with pytest.raises(ConfigurationError, match=r"host\.json"):
        load(tmp_path, **document)


def test_an_invalid_timeout_is_an_error_of_the_host_that_still_lists_its_functions(tmp_path: Path) -> None:
    settings = load(tmp_path, functionTimeout="soon")
    assert settings.error is not None
    assert "functionTimeout" in settings.error


@pytest.mark.parametrize("text", [None, "{}"])
def test_a_missing_host_json_is_written_with_the_defaults(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "host.json"
    if text is not None:
        path.write_text(text)
    settings = load_host_settings(tmp_path, {})
    assert settings.route_prefix == "api"
    written = json.loads(path.read_text())
    assert (written["version"], written["isDefaultHostConfig"]) == ("2.0", True)
    assert load_host_settings(tmp_path, {}).host_id == settings.host_id


def test_a_host_json_without_a_byte_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text("")
    with pytest.raises(ConfigurationError, match="not JSON"):
        load_host_settings(tmp_path, {})


def test_names_in_host_json_have_no_case_and_numbers_may_be_texts(tmp_path: Path) -> None:
    settings = load(
        tmp_path, Extensions={"HTTP": {"RoutePrefix": ""}, "queues": {"BATCHSIZE": "8"}}, nonsense={"a": [1]}
    )
    assert settings.route_prefix == ""
    assert settings.queues.batch_size == 8


def test_a_setting_of_the_environment_replaces_a_value_of_host_json(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text(
        '{"version": "2.0", "extensions": {"queues": {"batchSize": 4, "maxDequeueCount": 2}}}'
    )
    environment = {
        "AzureFunctionsJobHost__extensions__queues__batchSize": "2",
        "AzureFunctionsJobHost__logging__logLevel__default": "Error",
    }
    settings = load_host_settings(tmp_path, environment)
    assert settings.queues.batch_size == 2
    assert settings.queues.max_dequeue_count == 2
    assert settings.log_levels == {"default": "Error"}


@pytest.mark.parametrize(
    ("value", "threads"), [(None, 1000), ("4", 4), ("0", None), ("-1", None), ("many", None), ("", None)]
)
def test_sync_functions_have_a_thousand_threads_or_as_many_as_a_variable_says(
    tmp_path: Path, value: str | None, threads: int | None
) -> None:
    environment = {} if value is None else {"PYTHON_THREADPOOL_THREAD_COUNT": value}
    assert load_host_settings(tmp_path, environment).sync_threads == threads


COMMENTS = """\ufeff// a line with "quotes" and a { brace
{ /* a comment
  of two lines */
  'IsEncrypted': false, Values: { "A": "http://x/*y*/", 'B': 'it\\'s "b"', "C": "a\\"}, // ]", },
}
"""


def test_files_may_have_comments_a_comma_too_many_and_other_quotes(tmp_path: Path) -> None:
    (tmp_path / "local.settings.json").write_text(COMMENTS.replace("\\\\", "\\"), encoding="utf-8")
    environment: dict[str, str] = {}
    apply_local_settings(tmp_path, environment)
    assert environment == {"A": "http://x/*y*/", "B": 'it\'s "b"', "C": 'a"}, // ]'}


@pytest.mark.parametrize(
    "text", ["{", '{"a": }', "{,}", '{"a": 1,,}', '{"a" 1}', "/* open", '{"a": "x}', "{} x"]
)
def test_what_is_no_json_even_so_is_an_error(text: str) -> None:
    with pytest.raises(ValueError):
        lenient_json.parse(text)


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


def test_local_settings_without_is_encrypted_count_as_encrypted(tmp_path: Path) -> None:
    (tmp_path / "local.settings.json").write_text('{"Values": {"A": "x"}}')
    with pytest.raises(ConfigurationError, match="encrypted"):
        apply_local_settings(tmp_path, {})


def test_an_app_without_local_settings_keeps_its_environment(tmp_path: Path) -> None:
    environment = {"A": "mine"}
    apply_local_settings(tmp_path, environment)
    assert environment == {"A": "mine"}
