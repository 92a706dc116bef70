"""Expressions have the values that the documentation of Data Factory gives them."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.data_factory.expressions import ExpressionError, evaluate

OUTPUT = {"state": "failed", "error": {"message": "it's broken"}, "tasks": [{"id": "a"}, {"id": "b"}]}
SCOPE: Mapping[str, Callable[..., Any]] = {
    "pipeline": lambda: {
        "RunId": "r-1",
        "parameters": {"myString": "foo", "myNumber": 42, "job": {"a": [1]}},
    },
    "activity": lambda name: {"name": name, "output": OUTPUT},
}


@pytest.mark.parametrize(
    ("value", "result"),
    [
        # from the documentation
        ("parameters", "parameters"),
        ("parameters[1]", "parameters[1]"),
        ("@@", "@"),
        (" @", " @"),
        ("@pipeline().parameters.myString", "foo"),
        ("@{pipeline().parameters.myString}", "foo"),
        ("@pipeline().parameters.myNumber", 42),
        ("@{pipeline().parameters.myNumber}", "42"),
        ("Answer is: @{pipeline().parameters.myNumber}", "Answer is: 42"),
        ("@concat('Answer is: ', string(pipeline().parameters.myNumber))", "Answer is: 42"),
        ("@concat('Baba', '''s ', 'book store')", "Baba's book store"),
        # the rest
        ("@{pipeline().RunId}/@{activity('Get state').output.state}!", "r-1/failed!"),
        ("@{concat('}', '@{')}", "}@{"),
        ("@activity('x').output.tasks[1].id", "b"),
        ("@activity('x').output?.missing?.more", None),
        ("@coalesce(activity('x').output?.missing, 'none')", "none"),
        ("@not(equals(activity('x')['output'].state, 'succeeded'))", True),
        ("@contains(createArray('failed', 'partial'), activity('x').output.state)", True),
        (
            "@base64(string(union(pipeline().parameters.job, json('{\"b\": true}'))))",
            "eyJhIjpbMV0sImIiOnRydWV9",
        ),
        ("@string(activity('x').output.tasks)", '[{"id":"a"},{"id":"b"}]'),
        ({"value": "@pipeline().parameters.job", "type": "Expression"}, {"a": [1]}),
        ({"deep": ["@pipeline().RunId", 1, None]}, {"deep": ["r-1", 1, None]}),
    ],
)
def test_an_expression_has_the_documented_value(value: Any, result: Any) -> None:
    assert evaluate(value, SCOPE) == result


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("@activity('x').output.missing", "'missing' doesn't exist"),
        ("@activity('x').output.state.length", "'length' doesn't exist"),
        ("@unheardOf('x')", "'unheardOf' is not known"),
        ("@concat('a'", "can't be read"),
        ("@concat('a') and more", "is too much"),
        ("@{concat('a')", "} is missing"),
        ("@json('{')", "json: "),
        ("@union(createArray(), json('{}'))", "expects objects"),
        ("@base64(1)", "expects a text"),
    ],
)
def test_an_expression_that_cannot_be_evaluated_says_why(value: str, reason: str) -> None:
    with pytest.raises(ExpressionError) as error:
        evaluate(value, SCOPE)
    assert reason in str(error.value)
