"""The page of all names that workload authors import, with their signatures and docstrings."""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, is_dataclass

import batchmgr
from tests.docs.reference.markdown import NOTE, prose, table

_HEAD = """\
# The programming model: every name

{note}
Import all names from `batchmgr`. They need Python 3.8 or newer and its standard library. How they fit
together is in [the programming model](../workloads/programming-model.md).

"""
_LONGEST_LINE = 100


def programming_model() -> str:
    """Return the page."""
    names = {name: getattr(batchmgr, name) for name in batchmgr.__all__}
    rows = [(f"[`{name}`](#{name.lower()})", _first_line(value)) for name, value in names.items()]
    sections = "".join(_section(name, value) for name, value in names.items())
    return _HEAD.format(note=NOTE) + table(["name", "what it is for"], rows) + sections


def _first_line(value: object) -> str:
    return _docstring(value).partition("\n")[0].partition(". ")[0].rstrip(".:") + "."


def _section(name: str, value: object) -> str:
    kind = "class " if isinstance(value, type) else ""
    parts = [f"\n## {name}\n", _code(f"{kind}{name}{_signature(value)}"), prose(_docstring(value))]
    if isinstance(value, type):
        parts += _members(value)
    return "\n".join(parts) + "\n"


def _members(kind: type) -> Iterator[str]:
    """Yield what a class itself has: its attributes, properties and methods."""
    attributes = list(_attributes(kind))
    if attributes:
        yield "\nAttributes of the class:\n"
        yield _code(*attributes)
    for name, member in vars(kind).items():
        if name.startswith("_"):
            continue
        if isinstance(member, property):
            yield f"\n**`{name}`**: {prose(_docstring(member))}"
        elif inspect.isfunction(member) or isinstance(member, classmethod | staticmethod):
            function: Callable[..., object] = getattr(kind, name)
            yield "\n" + _code(f"{name}{_signature(function)}")
            yield prose(_docstring(member))


def _attributes(kind: type) -> Iterator[str]:
    for name, annotation in inspect.get_annotations(kind).items():
        if name.startswith("_") or (is_dataclass(kind) and "ClassVar" not in str(annotation)):
            continue
        text = re.sub(r"ClassVar\[(.*)\]", r"\1", str(annotation))
        default = vars(kind).get(name, MISSING)
        yield f"{name}: {text}" + ("" if default is MISSING else f" = {_value(default)}")


def _signature(value: object) -> str:
    """Return a signature as it is in the code: in one line, or with a parameter a line."""
    if not callable(value):
        return ""
    if isinstance(value, type) and issubclass(value, Exception) and value.__init__ is Exception.__init__:
        return "(message)"
    found = inspect.signature(value)
    kind_only = False
    words = []
    for parameter in found.parameters.values():
        if parameter.name == "self":
            continue
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and not kind_only:
            words.append("*")
            kind_only = True
        words.append(_parameter(parameter))
    is_function = not isinstance(value, type) and found.return_annotation is not found.empty
    returns = f" -> {_annotation(found.return_annotation)}" if is_function else ""
    line = f"({', '.join(words)}){returns}"
    if len(line) <= _LONGEST_LINE:
        return line
    return "(\n" + "".join(f"    {word},\n" for word in words) + f"){returns}"


def _parameter(parameter: inspect.Parameter) -> str:
    stars = {"VAR_POSITIONAL": "*", "VAR_KEYWORD": "**"}.get(parameter.kind.name, "")
    text = stars + parameter.name
    if parameter.annotation is not parameter.empty:
        text += f": {_annotation(parameter.annotation)}"
    return text if parameter.default is parameter.empty else f"{text} = {_value(parameter.default)}"


def _annotation(annotation: object) -> str:
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)


def _value(value: object) -> str:
    if isinstance(value, type):
        return value.__name__
    if isinstance(value, Mapping):
        return "{}" if not value else "…"
    if isinstance(value, str):
        return f'"{value}"'
    shown = repr(value)
    return "…" if shown.startswith("<") else shown


def _docstring(value: object) -> str:
    return inspect.cleandoc(value.__doc__ or "")


def _code(*lines: str) -> str:
    text = "\n".join(lines)
    return f"```python\n{text}\n```\n"
