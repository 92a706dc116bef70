"""With several workers, a fixture that the tests of one module share is set up once."""

from pathlib import Path

import pytest

from conftest import scope_of

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    "module",
    [
        "tests/functions_host/exchanges/test_exchanges.py",
        "tests/functions_host/recordings/test_listeners.py",
        "tests/integration/test_article.py",
    ],
)
def test_the_tests_of_a_module_with_a_shared_fixture_stay_together(module: str) -> None:
    assert {scope_of(f"{module}::test_it[{number}]", ROOT) for number in range(3)} == {module}


def test_the_tests_of_a_folder_with_a_shared_stack_stay_together() -> None:
    modules = ("test_jobs_without_keys", "test_missing_access")
    assert {scope_of(f"tests/identity/{name}.py::test_it", ROOT) for name in modules} == {"tests/identity"}


def test_other_tests_go_to_any_worker() -> None:
    module = "tests/functions_host/test_ncrontab.py"
    assert len({scope_of(f"{module}::test_it[{number}]", ROOT) for number in range(3)}) == 3
