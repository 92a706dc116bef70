"""The OpenAPI document of the HTTP API, made from the types that decode its requests and encode its answers.

Source: https://spec.openapis.org/oas/v3.1.0
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from batchmgr.wire.app_answer_types import ProblemAnswer

Json = dict[str, Any]

VERSION = "3.1.0"
JSON = "application/json"
PROBLEM = "application/problem+json"
REFERENCE = "#/components/schemas/{name}"
EXAMPLES = {"duration": ["PT1H30M"], "date-time": ["2026-11-28T12:00:00Z"]}
OWN_FIELDS = {"JobMessage": ("rerunOf",)}
"""Fields that only batchmgr itself writes."""

_SNAKE = re.compile(r"`([a-z]+(?:_[a-z]+)+)`")


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A parameter of the query or a header. `type_` may be Annotated with what msgspec.Meta can say."""

    name: str
    type_: Any
    description: str
    default: Any = None
    place: str = "query"


@dataclass(frozen=True, kw_only=True)
class Operation:
    """What one method does on one path. `answers` has the type of each answer's body; None if it has none.

    `media_types` are those of answers that may be no JSON, by status. `errors` are the statuses of its
    problem documents. `body` are the types that a request may have.
    """

    method: str
    path: str
    id: str
    summary: str
    answers: Mapping[int, type[msgspec.Struct] | None]
    errors: Sequence[int] = ()
    parameters: Sequence[Parameter] = ()
    body: Sequence[type[msgspec.Struct]] = ()
    is_body_required: bool = True
    needs_key: bool = True
    headers: Mapping[int, Sequence[str]] = field(default_factory=dict)
    media_types: Mapping[int, Sequence[str]] = field(default_factory=dict)


def openapi_document(operations: Iterable[Operation], *, server: str, version: str) -> Json:
    """Return the document of these operations, below the URL `server`."""
    operations = tuple(operations)
    types = list(dict.fromkeys([ProblemAnswer, *(type_ for one in operations for type_ in _types(one))]))
    _, components = msgspec.json.schema_components(types, ref_template=REFERENCE)
    paths: dict[str, Json] = {}
    for one in operations:
        paths.setdefault(f"/{one.path.replace('{*', '{')}", {})[one.method.lower()] = _operation(one)
    return {
        "openapi": VERSION,
        "info": {
            "title": "batchmgr",
            "version": version,
            "description": "An event-driven control plane for Azure Batch: jobs in, events and results out.",
        },
        "servers": [{"url": server}],
        "paths": paths,
        "components": {
            "schemas": {name: _polished(schema, name) for name, schema in components.items()},
            "securitySchemes": {
                "functionKey": {"type": "apiKey", "in": "header", "name": "x-functions-key"},
                "functionKeyInQuery": {"type": "apiKey", "in": "query", "name": "code"},
            },
        },
        "security": [{"functionKey": []}, {"functionKeyInQuery": []}],
    }


def _types(operation: Operation) -> Iterable[type[msgspec.Struct]]:
    yield from operation.body
    yield from (type_ for type_ in operation.answers.values() if type_ is not None)


def _operation(one: Operation) -> Json:
    told: Json = {"operationId": one.id, "summary": one.summary, "responses": _responses(one)}
    names = re.findall(r"{\*?(\w+)}", one.path)
    path = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]
    if parameters := [*path, *map(_parameter, one.parameters)]:
        told["parameters"] = parameters
    if one.body:
        schemas = [{"$ref": REFERENCE.format(name=type_.__name__)} for type_ in one.body]
        schema = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
        told["requestBody"] = {"required": one.is_body_required, "content": {JSON: {"schema": schema}}}
    if not one.needs_key:
        told["security"] = []
    return told


def _parameter(one: Parameter) -> Json:
    schema = _polished(msgspec.json.schema(one.type_))
    if one.default is not None:
        schema["default"] = one.default
    return {"name": one.name, "in": one.place, "description": one.description, "schema": schema}


def _responses(one: Operation) -> Json:
    told = {}
    for status, type_ in one.answers.items():
        response: Json = {"description": _summary(type_)}
        if type_ is not None:
            schema = {"$ref": REFERENCE.format(name=type_.__name__)}
            response["content"] = {JSON: {"schema": schema}}
        for media_type in one.media_types.get(status, ()):
            response.setdefault("content", {})[media_type] = {"schema": {"type": "string"}}
        if headers := one.headers.get(status):
            response["headers"] = {name: {"schema": {"type": "string"}} for name in headers}
        told[str(status)] = response
    problem = {PROBLEM: {"schema": {"$ref": REFERENCE.format(name=ProblemAnswer.__name__)}}}
    for status in one.errors:
        told[str(status)] = {"description": "An error; `code` says which.", "content": problem}
    return dict(sorted(told.items()))


def _summary(type_: type | None) -> str:
    return (type_.__doc__ or "").partition("\n")[0] if type_ is not None else "Done."


def _polished(schema: Json, name: str = "") -> Json:
    """Return a schema as the API means it: examples, numbers for decimals, names of fields as in JSON."""
    told = {key: _inner(value) for key, value in schema.items()}
    if "description" in told:
        text = re.sub(r"\s*\n\s*", " ", told["description"])
        told["description"] = _SNAKE.sub(lambda match: f"`{_camel(match[1])}`", text)
    if told.get("format") == "decimal":
        told = {**told, "type": ["number", "string"]}
    if told.get("format") in EXAMPLES:
        told["examples"] = EXAMPLES[told["format"]]
    for own in OWN_FIELDS.get(name, ()):
        told["properties"].pop(own)
    return told


def _inner(value: Any) -> Any:
    if isinstance(value, dict):
        return _polished(value)
    return [_inner(one) for one in value] if isinstance(value, list) else value


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))
