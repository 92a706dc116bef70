"""What is wrong with a task factory is reported with its field."""

from typing import Any

import pytest

from batchmgr.errors import InvalidJobError
from batchmgr.steps.check_message import check_message, message_problems
from tests.unit.factory_message import ECHO, factory_message


@pytest.mark.parametrize(
    ("factory", "field"),
    [
        ({}, "taskFactory.type"),
        ({"type": "sweep"}, "taskFactory.type"),
        ({"type": "parametricSweep", "repeatTask": ECHO}, "taskFactory.parameters"),
        ({"type": "taskPerFile", "repeatTask": ECHO}, "taskFactory.source"),
        ({"type": "taskPerFile", "source": {"containerName": "abc"}}, "taskFactory.repeatTask"),
        (
            {"type": "taskPerFile", "source": {"containerName": "abc"}, "repeatTask": {**ECHO, "id": "1"}},
            "taskFactory.repeatTask.id",
        ),
    ],
)
def test_a_factory_that_cannot_be_decoded_names_the_field(factory: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidJobError) as caught:
        factory_message(factory)
    assert caught.value.field == field


def test_every_problem_of_a_factory_is_reported() -> None:
    repeat = {
        "commandLine": "echo {y}",
        "displayName": "{",
        "environment": {"AZ_BATCH_X": "{z}"},
        "outputFiles": [{"sourceFilePath": "{a}"}],
        "maxWallClockTime": "PT0S",
    }
    factory = {
        "type": "parametricSweep",
        "parameters": {"x": {"values": []}},
        "repeatTask": repeat,
        "mergeTask": {"commandLine": " "},
    }
    fields = [
        problem.field.removeprefix("taskFactory.") for problem in message_problems(factory_message(factory))
    ]
    assert fields == [
        "parameters.x.values",
        "repeatTask.environment.AZ_BATCH_X",
        "repeatTask.maxWallClockTime",
        "repeatTask.commandLine",
        "repeatTask.displayName",
        "repeatTask.environment.AZ_BATCH_X",
        "repeatTask.outputFiles[0].sourceFilePath",
        "mergeTask.commandLine",
    ]


@pytest.mark.parametrize(
    ("source", "field"),
    [
        ({"containerName": "No Container"}, "taskFactory.source.containerName"),
        ({"containerName": "abc", "storageAccountName": "x/y"}, "taskFactory.source.storageAccountName"),
    ],
)
def test_an_invalid_source_is_rejected_before_its_blobs_are_listed(
    source: dict[str, str], field: str
) -> None:
    with pytest.raises(InvalidJobError) as caught:
        check_message(factory_message({"type": "taskPerFile", "source": source, "repeatTask": ECHO}))
    assert caught.value.field == field
