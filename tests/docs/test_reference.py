"""The pages of the reference are those that the code makes."""

import pytest

import batchmgr
from batchmgr.cli import COMMANDS
from tests.docs.reference.pages import FOLDER, PAGES


@pytest.mark.parametrize("name", PAGES)
def test_a_page_of_the_reference_is_what_the_code_makes(name: str) -> None:
    assert (FOLDER / name).read_text() == PAGES[name](), "make reference writes it anew"


def test_the_reference_has_no_other_pages() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(PAGES)


def test_every_command_and_every_public_name_is_in_the_reference() -> None:
    commands = PAGES["command-line.md"]()
    for name in (*COMMANDS, "package publish"):
        assert f" batchmgr {name}\n" in commands, name
    names = PAGES["programming-model.md"]()
    for name in batchmgr.__all__:
        assert f"\n## {name}\n" in names, name


def test_an_option_is_shown_as_it_is_typed_with_its_help() -> None:
    lines = PAGES["command-line.md"]().splitlines()
    assert (
        "| `[--functions-port PORT]` | Port of the Functions host (default 7071; 0: any free port). |"
        in lines
    )
    assert "| `--account NAME` | The Batch account. |" in lines
    assert any(line.startswith("| `[--identity [{signatures,nodes}]]` | ") for line in lines)
