"""Whether an answer of the app is what its OpenAPI document says."""

import json
from typing import Any

import azure.functions as func
from jsonschema import Draft202012Validator

Json = dict[str, Any]


def check_answer(document: Json, operation_id: str, answer: func.HttpResponse) -> Json:
    """Return the body of an answer that is as described: status, content type, headers and every field."""
    described = _operation(document, operation_id)["responses"][str(answer.status_code)]
    assert set(described.get("headers", ())) <= set(dict(answer.headers))
    if "content" not in described:
        assert answer.get_body() == b""
        return {}
    (media_type, content) = next(iter(described["content"].items()))
    assert answer.mimetype == media_type
    body: Json = json.loads(answer.get_body())
    schema = {**content["schema"], "components": _closed(document["components"])}
    Draft202012Validator(schema).validate(body)
    return body


def _operation(document: Json, operation_id: str) -> Json:
    operations = (operation for path in document["paths"].values() for operation in path.values())
    found: Json = next(one for one in operations if one["operationId"] == operation_id)
    return found


def _closed(schema: Any) -> Any:
    """A schema in which no object has other fields than it names."""
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(value) for name, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        closed.setdefault("additionalProperties", False)
    return closed
