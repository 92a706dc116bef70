"""All that does not fit the types of a message is told at once, with what may be meant."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchmgr.errors import InvalidJobError
from batchmgr.plan.problems import MAX_PROBLEMS
from batchmgr.wire.job_message import JobMessage, decode_job
from batchmgr.wire.type_problems import meant_name, type_problems

RIGHT: dict[str, Any] = {
    "jobId": "a",
    "tasks": [{"id": "a", "commandLine": "x", "environment": {"A": "b"}, "userIdentity": {"scope": "task"}}],
    "metadata": {"user": "ada"},
    "maxWallClockTime": "PT1H",
}


def problems(message: Any) -> dict[str, str]:
    return {one.field: one.reason for one in type_problems(message, JobMessage)}


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (RIGHT, {}),
        ({"jobID": "a"}, {"jobID": "unknown field: did you mean jobId?"}),
        ({"pool_id": "a"}, {"pool_id": "unknown field: did you mean poolId?"}),
        ({"callbackUrl": "a"}, {"callbackUrl": "unknown field: did you mean callBackUri?"}),
        ({"colour": 1}, {"colour": "unknown field"}),
        ({"jobId": "a", "jobID": "b"}, {"jobID": "unknown field"}),
        ({"maxWallClockTime": 3600}, {"maxWallClockTime": "must be an ISO 8601 duration, such as PT3600S"}),
        ({"metadata": {"a": 1, "b": "c", "d": None}}, {f"metadata.{n}": "expected `str`" for n in "ad"}),
        ({"tasks": [{"command": "x", "id": "a"}]}, {"tasks[0].command": "did you mean commandLine?"}),
        ({"tasks": [{"id": "a"}]}, {"tasks[0].commandLine": "required, but missing"}),
        (
            {
                "tasks": [
                    {"id": "a", "commandLine": "x", "resourceFiles": []},
                    3,
                    {"id": "b", "commandLine": ""},
                ]
            },
            {
                "tasks[0].resourceFiles": "did you mean inputFiles?",
                "tasks[1]": "expected `object`, got `int`",
                "tasks[2].commandLine": "length >= 1",
            },
        ),
        (
            {"tasks": [{"id": "a", "commandLine": "x", "userIdentity": {"scope": "Task"}}]},
            {"tasks[0].userIdentity.scope": "must be one of task, pool, not Task: did you mean task?"},
        ),
        (
            {"taskFactory": {"type": "parametricsweep"}},
            {"taskFactory.type": "one of parametricSweep, taskPerFile: did you mean parametricSweep?"},
        ),
        ({"taskFactory": {}}, {"taskFactory.type": "must be one of parametricSweep, taskPerFile"}),
        (
            {
                "taskFactory": {
                    "type": "parametricSweep",
                    "parameters": {"p": {"start": "one", "ende": 3}},
                    "repeatTask": {"commandLine": "x"},
                }
            },
            {
                "taskFactory.parameters.p.start": "must be a number",
                "taskFactory.parameters.p.ende": "unknown field: did you mean end?",
            },
        ),
        ([], {"": "expected `object`, got `array`"}),
    ],
)
def test_everything_wrong_is_told_with_its_field(message: Any, told: dict[str, str]) -> None:
    found = problems(message)
    assert found.keys() == told.keys()
    for field, reason in told.items():
        assert reason in found[field]


def test_no_more_than_twenty_are_told() -> None:
    with pytest.raises(InvalidJobError) as caught:
        decode_job(json.dumps({f"colour{n}": n for n in range(100)}).encode())
    assert len(caught.value.problems) == MAX_PROBLEMS
    assert len({one.field for one in caught.value.problems}) == MAX_PROBLEMS
    assert str(caught.value).count("unknown field") == MAX_PROBLEMS


FIELDS = [name for name in JobMessage.__struct_encode_fields__ if name != "rerunOf"]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


@given(st.dictionaries(st.sampled_from([*FIELDS, "x"]), VALUES, max_size=4))
def test_what_is_refused_has_problems_and_what_is_accepted_has_none(message: dict[str, Any]) -> None:
    body = json.dumps(message).encode()
    if not problems(message):
        decode_job(body)
        return
    with pytest.raises(InvalidJobError) as caught:
        decode_job(body)
    assert {one.field: one.reason for one in caught.value.problems}.items() <= problems(message).items()


@given(st.text(max_size=10), st.lists(st.text(min_size=1, max_size=8), max_size=5))
def test_a_hint_is_one_of_the_names(name: str, known: list[str]) -> None:
    assert meant_name(name, known) in ["", *known]
