"""What in a message does not fit its type: all of it at once, in the words of its sender.

msgspec stops at the first mistake. A message that it has refused is looked through once more, slowly.
"""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from batchmgr.errors import InvalidJobError
from batchmgr.model.size_limits import NAME
from batchmgr.plan.cut_text import cut

OTHER_NAMES = {
    "applicationpackagereferences": "applicationPackages",
    "args": "commandLine",
    "autouser": "scope",
    "callback": "callBackUri",
    "callbackurl": "callBackUri",
    "cmd": "commandLine",
    "command": "commandLine",
    "constraints": "maxWallClockTime",
    "containername": "containerName",
    "environmentsettings": "environment",
    "env": "environment",
    "filepath": "targetFilePath",
    "filepattern": "sourceFilePath",
    "inputs": "inputFiles",
    "name": "displayName",
    "poolinfo": "poolId",
    "repeattask": "repeatTask",
    "resourcefiles": "inputFiles",
    "retries": "maxTaskRetryCount",
    "slots": "requiredSlots",
    "timeout": "maxWallClockTime",
}
"""What callers write instead of a field, as Azure Batch or other tools call it, in lower case."""

_Hints = dict[str, Any]


def type_problems(value: object, type_: Any) -> Iterator[InvalidJobError]:
    """Yield what does not fit the type in a JSON value, as far as it can be told apart, in order.

    >>> [str(one) for one in type_problems({"jobID": "a"}, Message)]
    ['jobID: unknown field: did you mean jobId?']
    """
    yield from _problems(value, type_, "")


def _problems(value: object, type_: Any, path: str) -> Iterator[InvalidJobError]:
    kind = _chosen(value, type_)
    origin, arguments = get_origin(kind), get_args(kind)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and isinstance(value, dict):
        yield from _struct_problems(value, kind, path)
    elif origin in (tuple, list) and isinstance(value, list):
        for index, item in enumerate(value):
            if _leaf_problem(item, arguments[0]) is not None:  # most items of a long list are right
                yield from _problems(item, arguments[0], f"{path}[{index}]")
    elif origin is dict and isinstance(value, dict):
        for key, item in value.items():
            yield from _problems(item, arguments[1], f"{path}.{key}" if path else key)
    elif isinstance(value, dict) and (tags := _tags(type_)):
        field, words = str(tags[0].tag_field), [str(config.tag) for config in tags]
        reason = _one_of(words) + _hint(meant_name(str(value.get(field, "")), words))
        yield InvalidJobError(reason, field=f"{path}.{field}" if path else field)
    elif (found := _leaf_problem(value, type_)) is not None:
        yield InvalidJobError(found, field=path)


def _struct_problems(
    value: dict[str, Any], type_: type[msgspec.Struct], path: str
) -> Iterator[InvalidJobError]:
    prefix = f"{path}." if path else ""
    fields = {field.encode_name: field for field in msgspec.structs.fields(type_)}
    hints: _Hints = get_type_hints(type_, include_extras=True)
    tag = type_.__struct_config__.tag_field
    missing = [name for name, field in fields.items() if field.required and name not in value]
    free = [name for name in fields if name not in value]
    for name, item in value.items():
        if name in fields:
            yield from _problems(item, hints[fields[name].name], f"{prefix}{name}")
        elif name != tag:
            meant = meant_name(name, free)
            yield InvalidJobError(f"unknown field{_hint(meant)}", field=f"{prefix}{name}")
            missing = [one for one in missing if one != meant]
    for name in missing:
        yield InvalidJobError("required, but missing", field=f"{prefix}{name}")


def meant_name(name: str, known: list[str]) -> str:
    """Return which of the known names somebody may have meant by another one; empty if none is like it.

    >>> meant_name("commandline", ["commandLine", "id"]), meant_name("pool_id", ["poolId"])
    ('commandLine', 'poolId')
    >>> meant_name("resourceFiles", ["inputFiles"]), meant_name("colour", ["poolId"])
    ('inputFiles', '')
    """
    plain = {_plain(one): one for one in known}
    other = OTHER_NAMES.get(_plain(name), "")
    if _plain(name) not in plain and other in known:
        return other
    near = get_close_matches(_plain(name), plain, n=1, cutoff=0.75)
    return plain[near[0]] if near else ""


def _hint(meant: str) -> str:
    return f": did you mean {meant}?" if meant else ""


def _one_of(words: list[str]) -> str:
    return f"must be {words[0]}" if len(words) == 1 else f"must be one of {', '.join(words)}"


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()


def _chosen(value: object, type_: Any) -> Any:
    """Return the type that a value is meant to have: of several, the one that fits its tag."""
    if get_origin(type_) is Annotated:
        type_ = get_args(type_)[0]
    choices = _choices(type_)
    if len(choices) == 1:
        return choices[0]
    if isinstance(value, dict):
        for choice in choices:
            config = getattr(choice, "__struct_config__", None)
            if config is not None and value.get(config.tag_field) == config.tag:
                return choice
    return type_


def _choices(type_: Any) -> list[Any]:
    """Return the types of a union without None, or the one type."""
    if get_origin(type_) is Union or type(type_).__name__ == "UnionType":
        return [one for one in get_args(type_) if one is not type(None)]
    return [type_]


def _tags(type_: Any) -> list[Any]:
    """Return the configurations of structs that a tag tells apart, if the type is a choice of such."""
    configs = [getattr(one, "__struct_config__", None) for one in _choices(type_)]
    return [config for config in configs if config is not None and config.tag_field]


def _leaf_problem(value: object, type_: Any) -> str | None:
    try:
        msgspec.convert(value, type_)
    except (msgspec.ValidationError, RecursionError) as error:
        return _in_words(str(error).partition(" - at `")[0], value, type_)
    return None


def _in_words(reason: str, value: object, type_: Any) -> str:
    """Return a reason of msgspec's with what may be written instead."""
    kind = _chosen(value, type_)
    if get_origin(kind) is Literal and reason.startswith("Invalid enum value"):
        words = [str(word) for word in get_args(kind) if word]
        return f"{_one_of(words)}, not {cut(str(value), NAME)}{_hint(meant_name(str(value), words))}"
    if "duration" in reason:
        example = f"PT{value}S" if isinstance(value, int) and value > 0 else "PT1H30M or P2D"
        return f"must be an ISO 8601 duration, such as {example}"
    if "decimal" in reason:
        return "must be a number"
    return reason[0].lower() + reason[1:]
