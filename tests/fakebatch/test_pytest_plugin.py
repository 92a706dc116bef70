"""The pytest plugin: loaded in every run, wherever batchmgr is installed, and used by few of them."""

import ast
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

import fakebatch
from tests.old_python import oldest_python

_PACKAGE: Final = Path(fakebatch.__file__).parent
_PYPROJECT: Final = Path(__file__).parents[2] / "pyproject.toml"
_MODULE: Final = "fakebatch.pytest_plugin"
_TEST: Final = """
import pytest
from urllib.request import urlopen
from urllib.error import HTTPError

@pytest.mark.fake_batch('--pool', 'mine=1x1')
def test_it(fake_batch):
    fake_batch.faults.add('error', 'list_pools', status=429)
    with pytest.raises(HTTPError, match='403'):
        urlopen(fake_batch.endpoint + '/pools?api-version=2025-06-01')
    assert [rule['struck'] for rule in fake_batch.faults.rules()] == [0]
"""


def _install(directory: Path) -> None:
    """Write the metadata of an installed distribution that has the entry point of the plugin."""
    project = tomllib.loads(_PYPROJECT.read_text())["project"]
    plugins = project.get("entry-points", {}).get("pytest11", {_MODULE: _MODULE})
    metadata = directory / "some_distribution-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: some-distribution\nVersion: 1.0\n")
    lines = "".join(f"{name} = {module}\n" for name, module in plugins.items())
    (metadata / "entry_points.txt").write_text(f"[pytest11]\n{lines}")


@pytest.mark.parametrize("named_by", ["entry point", "conftest", "both"])
def test_the_fixture_gives_each_test_a_service_of_its_own(tmp_path: Path, named_by: str) -> None:
    if named_by != "conftest":
        _install(tmp_path)
    if named_by != "entry point":
        (tmp_path / "conftest.py").write_text(f"pytest_plugins = [{_MODULE!r}]\n")
    (tmp_path / "test_it.py").write_text(_TEST)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "--strict-markers",
        "-W",
        "error::pytest.PytestAssertRewriteWarning",
        ".",
    ]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    run = subprocess.run(
        [*command, "-p", "no:cacheprovider"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "1 passed" in run.stdout


def _imported_at_module_level(body: list[ast.stmt]) -> Iterator[str]:
    for statement in body:
        if isinstance(statement, ast.Import):
            yield from (alias.name for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom):
            yield statement.module or ""


def test_its_module_needs_pytest_and_an_old_python_only() -> None:
    for name in ("__init__.py", "pytest_plugin.py"):
        parsed = ast.parse((_PACKAGE / name).read_text(), feature_version=(3, 8))
        imported = {module.partition(".")[0] for module in _imported_at_module_level(parsed.body)}
        assert imported <= {"pytest", *sys.stdlib_module_names}


@pytest.mark.parametrize("version", ["this", "3.8"])
def test_it_loads_where_none_of_the_extras_is_installed(tmp_path: Path, version: str) -> None:
    python = Path(sys.executable) if version == "this" else oldest_python()
    if python is None:
        pytest.skip("there is no Python 3.8 here")
    # pytest itself is the only thing that a run has in any case.
    (tmp_path / "pytest.py").write_text("def fixture(function):\n    return function\n")
    script = f"import sys; import {_MODULE}; print(*(name for name in sys.modules if 'fakebatch' in name))"
    environment = {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(_PACKAGE.parent)])}
    run = subprocess.run([python, "-S", "-c", script], env=environment, capture_output=True, text=True)
    assert run.stdout.split() == ["fakebatch", _MODULE], run.stderr
