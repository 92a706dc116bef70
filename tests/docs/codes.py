"""The codes that batchmgr gives to jobs and waiting jobs, found in its source."""

import ast
import importlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

BATCHMGR = Path(__file__).parents[2] / "batchmgr"
NOT_OF_JOBS = (BATCHMGR / "packaging", BATCHMGR / "dispatcher")
"""What publishes packages, and what stands in for Azure Batch in a local run."""


@cache
def codes() -> dict[str, tuple[str, ...]]:
    """Return each code, and the modules that give it: `{"JobDisabled": ("model.stall",), …}`.

    A code is a text that is given as `code=`, or that is assigned to a variable `code`.
    """
    found: dict[str, set[str]] = {}
    for path in sorted(BATCHMGR.rglob("*.py")):
        if set(NOT_OF_JOBS) & set(path.parents):
            continue
        module = ".".join(path.relative_to(BATCHMGR).with_suffix("").parts)
        for code in _codes_of(module, ast.parse(path.read_text())):
            found.setdefault(code, set()).add(module)
    return {code: tuple(sorted(modules)) for code, modules in sorted(found.items())}


def stall_codes() -> set[str]:
    """Return the codes of jobs that can't go on by themselves."""
    return {code for code, modules in codes().items() if "model.stall" in modules}


def _codes_of(module: str, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case (
                ast.keyword(arg="code", value=value) | ast.Assign(targets=[ast.Name(id="code")], value=value)
            ):
                yield from _texts(module, value)


def _texts(module: str, value: ast.expr) -> Iterator[str]:
    """Yield the texts that an expression may be: constants, and those that names stand for."""
    if isinstance(value, ast.Constant):
        if isinstance(value.value, str) and value.value:
            yield value.value
    elif isinstance(value, ast.IfExp):
        yield from (*_texts(module, value.body), *_texts(module, value.orelse))
    elif isinstance(value, ast.BoolOp):
        for part in value.values:
            yield from _texts(module, part)
    elif isinstance(value, ast.Name | ast.Attribute) and ast.unparse(value)[0].isupper():
        found: object = importlib.import_module(f"batchmgr.{module}")
        for name in ast.unparse(value).split("."):
            found = getattr(found, name)
        yield str(found)
