"""What holds for all tests, the examples' too."""

import os
import re
import signal
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

# Tests start hundreds of processes. Images of containers often set this variable, and then each of the
# processes would compile the code anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A shell lets what it starts in the background ignore Ctrl-C, and so would every process of the tests.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long one example takes says more about the machine than about the code. `make chaos` is thorough.
settings.register_profile("quick", deadline=None, max_examples=25)
settings.register_profile("thorough", deadline=None, max_examples=100)
settings.load_profile("quick")

_SHARED_FIXTURE = re.compile(r'^@pytest\w*\.fixture\(.*scope="(?:module|session)"', re.MULTILINE)


_TOGETHER = ("tests/identity",)
"""Folders whose tests share a fixture: it is costly, and each changes what the others see."""


class SharedFixtureScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Gives each test to the next worker that is free, but all tests of some modules to one worker.

    These are the modules that define a fixture for all their tests, such as a running host, and the tests of
    some folders. With several
    workers, each of them would set it up. pytest-xdist has `--dist loadgroup` for that, which does nothing
    with pytest 9.2 (https://github.com/pytest-dev/pytest-xdist/issues/1386).
    """

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid, self.config.rootpath)

    def _pending_of(self, workload: dict[str, dict[str, bool]]) -> int:
        # The base class counts through all that a worker has had, with each test: seconds for thousands.
        for scope in [scope for scope, tests in workload.items() if all(tests.values())]:
            del workload[scope]
        return int(super()._pending_of(workload))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> SharedFixtureScheduling | None:
    """Schedule the tests of `pytest -n NUMBER`, unless another order is asked for with `--dist`."""
    return SharedFixtureScheduling(config, log) if config.getoption("dist") == "load" else None


def scope_of(nodeid: str, root: Path) -> str:
    """Return what tests of one worker have in common: their folder, their module, or only the test itself."""
    module = nodeid.partition("::")[0]
    folder = next((name for name in _TOGETHER if module.startswith(f"{name}/")), None)
    if folder is not None:
        return folder
    return module if _shares_a_fixture(root / module) else nodeid


@cache
def _shares_a_fixture(module: Path) -> bool:
    return bool(_SHARED_FIXTURE.search(module.read_text()))
