"""The tests that `docs/security.md` names exist, and so do the secrets and containers."""

import re

import pytest

from batchmgr.plan.container_rules import RESERVED
from batchmgr.plan.file_specifications import OWN_CONTAINERS
from tests.docs.commands import ROOT

PAGE = (ROOT / "docs" / "security.md").read_text()
TESTS = sorted(set(re.findall(r"\[`(test_\w+)`\]\(\.\./(tests/[\w/]+\.py)\)", PAGE)))


@pytest.mark.parametrize(("name", "path"), TESTS)
def test_what_is_stopped_is_held_by_a_test_that_exists(name: str, path: str) -> None:
    assert re.search(rf"^(async )?def {name}\(", (ROOT / path).read_text(), re.MULTILINE)


def test_every_row_of_what_somebody_may_not_names_a_test() -> None:
    tables = re.findall(r"^\| may(?: not)? \|.*\n\| --- .*\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    rows = [row for table in tables for row in table.splitlines()]
    assert len(rows) >= 9
    assert [row for row in rows if "](../tests/" not in row] == []


def test_every_container_that_a_job_may_not_use_is_named() -> None:
    for name in (*OWN_CONTAINERS, *RESERVED):
        assert f"`{name}" in PAGE, name
