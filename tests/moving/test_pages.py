"""The pages of docs/moving show what is in the examples, and the examples' messages are jobs."""

import json
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from batchmgr.cli import main
from tests.moving.story import PAGES, steps_of
from tests.packaging.fresh_environment import ROOT

EXAMPLES = ROOT / "examples"
STORIES = sorted(page.stem for page in PAGES.glob("*.md") if page.stem != "README")
MESSAGES = sorted(file for file in EXAMPLES.glob("*/*job.json") if "taskPerFile" not in file.read_text())
"""The job messages that can be planned without storage."""


def blocks(page: str) -> list[tuple[str, str]]:
    """Return the language and the text of each block of code, without commands and their output."""
    found = re.findall(
        r"^ *```(\w+)[^\n]*\n(.*?)^ *```$", (PAGES / f"{page}.md").read_text(), re.MULTILINE | re.DOTALL
    )
    return [(language, text) for language, text in found if language not in ("sh", "text")]


def every_part(value: object) -> Iterator[object]:
    """Yield a JSON value and all its parts."""
    yield value
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from every_part(part)


@pytest.mark.parametrize("page", STORIES)
def test_what_a_page_shows_of_a_file_is_in_the_example(page: str) -> None:
    files = [file for file in EXAMPLES.rglob("*") if file.is_file() and file.stat().st_size < 100_000]
    texts = [file.read_text(errors="replace") for file in files]
    values = [
        json.loads(file.read_text()) for file in files if file.suffix == ".json" and file.name != "host.json"
    ]
    parts = [part for value in values for part in every_part(value)]
    assert blocks(page)
    for language, text in blocks(page):
        if language == "json":
            assert json.loads(text) in parts, text
        else:
            assert any(textwrap.dedent(text) in each for each in texts), text


@pytest.mark.parametrize("page", STORIES)
def test_what_needs_azure_is_marked_and_nothing_else_is(page: str) -> None:
    azure = re.compile(r"\baz |\bazd |azurewebsites|azurecr|package publish")
    assert steps_of(page)
    for step in steps_of(page):
        assert step.kind in ("", "start", "needs-azure", "needs-python2.7")
        assert bool(azure.search(step.commands)) == (step.kind == "needs-azure"), step.commands


def test_the_overview_leads_to_every_story() -> None:
    overview = (PAGES / "README.md").read_text()
    assert sorted(set(re.findall(r"\]\(([\w-]+)\.md[)#]", overview))) == STORIES


@pytest.mark.parametrize("message", MESSAGES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_the_message_of_an_example_is_a_job(message: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", str(message)]) == 0, capsys.readouterr()
