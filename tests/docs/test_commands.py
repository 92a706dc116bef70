"""Every command in the documents is run by a test, or is marked as needing Azure.

A command is run as it is written (`test_stories.py`), or a test of its own does what it says. What no test
can run has a reason here.
"""

import re
from pathlib import Path

import pytest

from tests.docs.commands import PAGES, ROOT, Block, blocks
from tests.docs.test_stories import is_run

DONE_BY_TESTS = (
    ("", r"make demo", "tests/devstack/test_demo.py"),
    ("", r"make start", "tests/devstack/test_stack.py"),
    ("", r"make smoke", "tests/docs/test_release.py"),
    ("README.md", r".*-m greet local", "tests/docs/test_documents.py"),
    ("README.md", r".*batchmgr init", "tests/packaging/test_create_workload.py"),
    ("README.md", r"az storage message put", "tests/integration/test_queue.py"),
    ("docs/workloads/local.md", r"python -m my_workload local", "tests/packaging/test_create_workload.py"),
    (
        "docs/workloads/start-your-own.md",
        r".*batchmgr init|cd|python3 -m venv|python -m (pip|pytest|my_workload local)",
        "tests/packaging/test_create_workload.py",
    ),
    ("docs/workloads/start-your-own.md", r"batchmgr workloads", "tests/cli/test_workloads.py"),
    (
        "docs/workloads/start-your-own.md",
        r"batchmgr package (build|wheel)|\S*batchmgr start --application",
        "tests/packaging/test_template_readme.py",
    ),
    ("docs/workloads/publishing.md", r"batchmgr package build", "tests/cli/test_package.py"),
    ("docs/local-identity.md", r"batchmgr start --identity", "tests/devstack/test_stack.py"),
    (
        "docs/embedded-host.md",
        r"python -m functions_host.event_grid",
        "tests/functions_host/test_event_grid_topic.py",
    ),
    ("docs/doctor.md", r"batchmgr doctor", "tests/doctor/test_command.py"),
    ("docs/simulate.md", r"batchmgr simulate", "tests/simulation/test_page.py"),
    ("examples/formulas/", r"batchmgr simulate", "tests/simulation/test_example_formulas.py"),
    (
        "docs/operation.md",
        r"batchmgr dead-letters|curl \S+/dead-letters",
        "tests/integration/test_dead_letters.py",
    ),
    ("docs/operation.md", r"batchmgr retention", "tests/integration/test_deleted_jobs.py"),
    ("docs/moving/scripts.md", r".", "tests/moving/test_scripts.py"),
    ("docs/moving/container.md", r".", "tests/moving/test_container.py"),
    ("docs/moving/mpi.md", r".", "tests/moving/test_mpi.py"),
    ("docs/moving/old-python.md", r".", "tests/moving/test_old_python.py"),
    ("docs/moving/data-factory-custom-activity.md", r".", "tests/moving/test_custom_activity.py"),
    (
        "examples/functions/",
        r"curl|cp local|export ReportSchedule|python -m functions_host",
        "tests/functions_host/test_example_apps.py",
    ),
    (
        "examples/legacy_weather/",
        r"curl|\.venv/bin/batchmgr (package build|start)|examples/legacy_weather/\.venv/bin/python",
        "examples/legacy_weather/tests/test_package.py",
    ),
)
"""Where a page's name begins so and a command matches: the tests that do the same by other means."""

NOT_RUN = {
    "make install": "the guide runs it, and .ci/run begins with it",
    "python3 -m venv": "an environment for the next line",
    ".venv/bin/pip install": "the page of the embedded host installs the same",
    "examples/legacy_weather/.venv/bin/pip install": "the old library has to come from an index",
}
"""How a command of other pages begins that is not run again, and why."""


def test_every_command_is_run_or_marked_or_has_a_reason() -> None:
    open_commands = [
        f"{page}: {command}"
        for page in PAGES
        for block in blocks(page)
        for command in block.commands
        if not (block.needs_azure or is_run(page, command) or _is_done(page, command) or _has_reason(command))
    ]
    assert open_commands == []


def _is_done(page: str, command: str) -> bool:
    return any(page.startswith(begin) and re.match(said, command) for begin, said, _ in DONE_BY_TESTS)


def _has_reason(command: str) -> bool:
    return any(command.startswith(begin) for begin in NOT_RUN)


@pytest.mark.parametrize("test", sorted({test for _, _, test in DONE_BY_TESTS}))
def test_the_tests_that_are_named_are_there(test: str) -> None:
    assert (ROOT / test).is_file()


def test_nothing_is_listed_that_no_document_has() -> None:
    found = [(page, command) for page in PAGES for block in blocks(page) for command in block.commands]
    for begin, said, _ in DONE_BY_TESTS:
        assert any(page.startswith(begin) and re.match(said, command) for page, command in found), said
    for begin in NOT_RUN:
        assert any(command.startswith(begin) for _, command in found), begin


AZURE = re.compile(r"\b(azd|az|func azure|package publish)\b")


@pytest.mark.parametrize("page", PAGES)
def test_what_calls_azure_is_marked(page: str) -> None:
    unmarked = [
        command
        for block in blocks(page)
        for command in block.commands
        if AZURE.search(command) and not block.needs_azure and not _is_done(page, command)
    ]
    assert unmarked == []


def test_every_target_of_make_that_a_document_names_is_in_the_makefile() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        named = re.findall(r"(?:^ {4}|`)make ([a-z-]+)", (ROOT / page).read_text(), re.MULTILINE)
        assert set(named) <= targets, page


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Type:\n\n    make a\n    make b\n\nThen\n\n    make c\n", [("make a", "make b"), ("make c",)]),
        ("```bash\ncurl a \\\n  -d b   # sends b\n```\n", [("curl a \\\n  -d b   # sends b",)]),
        ("```bash\ncurl -d '{\n  \"a\": 1\n}'\n```\n", [("curl -d '{\n  \"a\": 1\n}'",)]),
        ("```console\n$ ls\na b\n```\n", [("ls",)]),
        ("```json\n{}\n```\n", []),
        ("- a list\n    that goes on\n", []),
    ],
)
def test_commands_are_found(text: str, expected: list[tuple[str, ...]], tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)
    assert [block.commands for block in blocks(str(page))] == expected


def test_a_command_needs_azure_after_the_mark_in_its_section(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A\n\n**Azure**\n\n    az b\n\n## C\n\n    d\n\n## E *(Azure)*\n\n    f\n")
    expected = [("az b", True), ("d", False), ("f", True)]
    assert [(*block.commands, block.needs_azure) for block in blocks(str(page))] == expected
    assert isinstance(blocks(str(page))[0], Block)
