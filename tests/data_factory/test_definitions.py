"""The files in examples/data-factory are what Data Factory takes, and keep its and batchmgr's rules."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from batchmgr.adapters.queue_names import JOB_REQUESTS
from batchmgr.model.job_states import JobState
from batchmgr.steps.check_message import check_message
from batchmgr.wire.job_message import decode_job
from tests.data_factory.definitions import FILES, LinkedService, Pipeline, read_linked_services, read_pipeline

PIPELINES = sorted((FILES / "pipeline").glob("*.json"))
SERVICES = sorted((FILES / "linkedService").glob("*.json"))
RESOURCES = [*((file, "pipelines") for file in PIPELINES), *((file, "linkedservices") for file in SERVICES)]


def definition(file: Path) -> Any:
    return json.loads(file.read_text())


def activities(part: Any) -> Iterator[dict[str, Any]]:
    """Yield all activities, inner ones too."""
    if isinstance(part, dict):
        if "typeProperties" in part and "name" in part:
            yield part
        for value in part.values():
            yield from activities(value)
    if isinstance(part, list):
        for value in part:
            yield from activities(value)


@pytest.mark.parametrize("file", PIPELINES, ids=lambda file: file.stem)
def test_a_pipeline_has_the_properties_of_its_type_and_the_name_of_its_file(file: Path) -> None:
    assert msgspec.convert(definition(file), Pipeline).name == file.stem


@pytest.mark.parametrize("file", SERVICES, ids=lambda file: file.stem)
def test_a_linked_service_has_the_properties_of_its_type_and_the_name_of_its_file(file: Path) -> None:
    assert msgspec.convert(definition(file), LinkedService).name == file.stem


@pytest.mark.parametrize(
    ("activity", "change"),
    [
        ("Run job", {"policy": {"retry": 3}}),
        ("Run job", {"reportStatusOnCallBack": True}),
        ("Get key", {"policy": {"retryIntervalInSeconds": 10}}),
        ("Get key", {"policy": {"timeout": "5 minutes"}}),
        ("Get key", {"retry": 1}),
        ("Report failure", {"policy": {}}),
        ("Get key", {"type": "Web"}),
    ],
)
def test_what_data_factory_does_not_know_is_found(activity: str, change: dict[str, Any]) -> None:
    content = definition(FILES / "pipeline" / "batchmgr_webhook.json")
    next(one for one in content["properties"]["activities"] if one["name"] == activity).update(change)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(content, Pipeline)


@pytest.mark.parametrize("file", PIPELINES, ids=lambda file: file.stem)
def test_what_a_pipeline_refers_to_is_there(file: Path) -> None:
    content = definition(file)
    names = [one["name"] for one in activities(content)]
    assert len(names) == len(set(names))
    text = file.read_text()
    used = re.findall(r"activity\('([^']*)'\)", text) + re.findall(r'"activity": "([^"]*)"', text)
    assert set(used) <= set(names)
    assert set(re.findall(r"pipeline\(\)\.parameters\.(\w+)", text)) == set(
        content["properties"]["parameters"]
    )
    services = {
        one["linkedServiceName"]["referenceName"] for one in activities(content) if "linkedServiceName" in one
    }
    assert services <= set(read_linked_services())


@pytest.mark.parametrize("file", PIPELINES, ids=lambda file: file.stem)
def test_a_secret_is_shown_neither_as_output_nor_as_input(file: Path) -> None:
    for activity in activities(definition(file)):
        text = json.dumps(activity["typeProperties"])
        policy = activity.get("policy", {})
        if "x-functions-key" in text and "activities" not in activity["typeProperties"]:
            assert policy["secureInput"], activity["name"]
        if "https://vault.azure.net" in text:
            assert policy["secureOutput"], activity["name"]


@pytest.mark.parametrize("file", PIPELINES, ids=lambda file: file.stem)
def test_the_job_of_a_pipeline_can_be_accepted(file: Path) -> None:
    job = definition(file)["properties"]["parameters"]["job"]["defaultValue"]
    check_message(decode_job(json.dumps(job | {"jobId": "3f2504e0-4f89-41d3-9a0c-0305e82c3301"}).encode()))


def test_the_pipelines_use_batchmgrs_names() -> None:
    queue = read_pipeline("batchmgr_queue").properties.parameters["queueUrl"].default_value
    assert queue.rpartition("/")[2] == JOB_REQUESTS
    waits = (FILES / "pipeline" / "batchmgr_function.json").read_text()
    [states] = re.findall(r"createArray\(([^)]*)\)", waits)
    assert set(re.findall(r"'(\w+)'", states)) == {state.value for state in JobState if state.is_final}


def test_the_bicep_compiler_knows_every_property(tmp_path: Path) -> None:
    """The compiler has the types of all resources. It is asked where it is installed."""
    compiler = os.environ.get("BICEP") or shutil.which("bicep")
    if not compiler:
        pytest.skip("needs the Bicep compiler: BICEP, or bicep on the PATH")
    definitions = [(kind, definition(file)) for file, kind in RESOURCES]
    assert type_problems(compiler, tmp_path, definitions) == []
    [until] = [one for one in activities(definitions[0][1]) if one["type"] == "Until"]
    until["policy"] = {"retry": 3}
    [found] = type_problems(compiler, tmp_path, definitions)
    assert 'The property "policy" is not allowed on objects of type "Until"' in found


def type_problems(compiler: str, folder: Path, definitions: list[tuple[str, Any]]) -> list[str]:
    """Return what the compiler says about the types of these resources."""
    lines = [
        "resource factory 'Microsoft.DataFactory/factories@2018-06-01' existing = {",
        "name: 'factory'",
        "}",
    ]
    for number, (kind, content) in enumerate(definitions):
        lines += [
            f"resource part{number} 'Microsoft.DataFactory/factories/{kind}@2018-06-01' = {{",
            "parent: factory",
            f"name: {bicep(content['name'])}",
            f"properties: {bicep(content['properties'])}",
            "}",
        ]
    (folder / "main.bicep").write_text("\n".join(lines) + "\n")
    environment = {
        **os.environ,
        "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1",
        "DOTNET_BUNDLE_EXTRACT_BASE_DIR": str(folder),
    }
    command = [compiler, "build", str(folder / "main.bicep"), "--stdout"]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return [line for line in run.stderr.splitlines() if "BCP" in line]


def bicep(value: Any) -> str:
    """Return a JSON value as Bicep writes it."""
    if isinstance(value, dict):
        return "{\n" + "".join(f"{bicep(name)}: {bicep(one)}\n" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return "[\n" + "".join(f"{bicep(one)}\n" for one in value) + "]"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("${", "\\${")
        return f"'{escaped}'"
    return json.dumps(value)
