import doctest
import importlib
import pkgutil
from types import ModuleType

import pytest

import batchmgr
import batchmgr.workload

MODULES = [
    importlib.import_module(f"batchmgr.workload.{module.name}")
    for module in pkgutil.iter_modules(batchmgr.workload.__path__)
]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_the_examples_in_the_docstrings_run(module: ModuleType) -> None:
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("name", batchmgr.workload.__all__)
def test_every_class_that_authors_touch_has_an_example(name: str) -> None:
    if name in ("JSON", "BatchClient"):  # types to annotate with
        return
    finder = doctest.DocTestFinder(recurse=True)
    assert any(test.examples for test in finder.find(getattr(batchmgr.workload, name), name)), name


def test_what_batchmgr_exports_is_what_the_programming_model_has() -> None:
    for name in batchmgr.__all__:
        assert getattr(batchmgr, name).__name__ == name
