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


def rows(header: str) -> list[list[str]]:
    """The cells of each row of all tables with this header."""
    tables = re.findall(rf"^{re.escape(header)}\n\| --- .*\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    return [
        [cell.strip() for cell in row.strip("| ").split(" | ")]
        for table in tables
        for row in table.splitlines()
    ]


def test_every_row_of_what_somebody_tries_says_what_stops_them_and_names_a_test() -> None:
    tried = rows("| who | what they try | what stops them | test |")
    assert len(tried) >= 25
    for row in tried:
        who, what, stopped, tests = row
        assert who
        assert what
        assert stopped
        assert re.fullmatch(r"(\[`test_\w+`\]\(\.\./tests/[\w/]+\.py\)(, )?)+", tests), row


def test_no_test_is_named_that_is_not_looked_for() -> None:
    assert len(set(re.findall(r"`(test_\w+)`", PAGE))) == len({name for name, _ in TESTS})


def test_everybody_has_a_row_that_says_what_they_reach_and_what_does_not_stop_them() -> None:
    listed = rows("| who | what they have | what they can reach | what stops them | what does not |")
    assert [row[0] for row in listed] == [
        "a stranger",
        "a caller",
        "a task on a node",
        "a workload's author",
        "a receiver",
        "an operator",
    ]
    assert all(len(row) == 5 and all(row) for row in listed)


def test_every_secret_says_where_it_is_and_how_to_rotate_it() -> None:
    secrets = rows("| secret | where it is | who reads it | how to rotate it |")
    assert len(secrets) >= 8
    assert all(len(row) == 4 and all(row) for row in secrets)


def test_every_container_that_a_job_may_not_use_is_named() -> None:
    for name in (*OWN_CONTAINERS, *RESERVED):
        assert f"`{name}" in PAGE, name
