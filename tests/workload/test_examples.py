"""Every example in a docstring runs, and every class that authors touch has one."""

import doctest
import importlib
import pkgutil
from pathlib import Path
from types import ModuleType

import pytest

import batchmgr
import batchmgr.errors
import batchmgr.model
import batchmgr.plan
import batchmgr.workload

MODULES = [
    importlib.import_module(f"{package.__name__}.{module.name}")
    for package in (batchmgr.model, batchmgr.plan, batchmgr.workload)
    for module in pkgutil.iter_modules(package.__path__)
] + [batchmgr.errors]
EXPLAINED_ELSEWHERE = {
    "BatchClient": "BatchClientFactory",
    "BatchmgrError": "InvalidInputError",
    "ExitCodeMapping": "ExitConditions",
    "ExitCodeRangeMapping": "ExitConditions",
    "ExitOptions": "ExitConditions",
    "FinishedTask": "Manifest",
    "ImageReference": "AutoPoolSpecification",
}


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_the_examples_in_the_docstrings_run(module: ModuleType) -> None:
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("name", sorted({*batchmgr.__all__} - EXPLAINED_ELSEWHERE.keys()))
def test_every_class_that_authors_touch_has_an_example(name: str) -> None:
    finder = doctest.DocTestFinder(recurse=True)
    assert any(test.examples for test in finder.find(getattr(batchmgr, name), name)), name


def test_what_batchmgr_exports_is_what_the_programming_model_has() -> None:
    for name in batchmgr.__all__:
        assert getattr(batchmgr, name).__name__ == name


def test_the_documentation_and_the_docstring_agree_on_when_create_job_runs() -> None:
    page = Path(batchmgr.__file__).parents[1] / "docs" / "workloads" / "programming-model.md"
    paragraphs = str(batchmgr.JobManager.__doc__).split("\n\n")
    said = [" ".join(text.split()) for text in paragraphs if "`create_job` runs" in text]
    assert len(said) == 1
    assert said[0] in " ".join(page.read_text().split())
