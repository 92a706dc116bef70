"""The tree at the top of `errors.py` is the tree of the classes below it."""

import inspect
import re

import batchmgr.errors
from batchmgr.errors import BatchmgrError


def depths(error: type[Exception], depth: int = 0) -> dict[str, int]:
    below = {error.__name__: depth}
    for child in error.__subclasses__():
        if child.__module__ == batchmgr.errors.__name__:
            below |= depths(child, depth + 1)
    return below


def test_the_drawn_tree_has_every_class_at_its_place() -> None:
    text = inspect.getdoc(batchmgr.errors) or ""
    drawn = re.findall(r"^ {4}([│ ]*)[├└]── (\w+)", text, re.MULTILINE)
    tree = {name: len(indent) // 4 + 1 for indent, name in drawn}
    assert {"BatchmgrError": 0, **tree} == depths(BatchmgrError)
