"""The page on simulations shows what the command prints."""

import re
import shlex
from pathlib import Path

import pytest

from batchmgr.cli import main
from batchmgr.simulation.pool_variant import Assumptions

PAGE = (Path(__file__).parents[2] / "docs" / "simulate.md").read_text()


@pytest.mark.thorough
def test_the_output_on_the_page_is_what_the_command_prints(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    shown = re.search(r"```console\n\$ batchmgr (.*)\n((?:.*\n)*?)```", PAGE)
    assert shown is not None
    assert main(shlex.split(shown[1])) == 0
    assert capsys.readouterr().out == shown[2]


def test_the_assumptions_on_the_page_are_those_of_the_code() -> None:
    assumed = Assumptions()
    for option, text in (
        ("--resize", assumed.resize),
        ("--boot", assumed.boot),
        ("--start-task", assumed.start_task),
        ("--scheduling-delay", assumed.scheduling),
    ):
        assert re.search(rf"^\| .* \| `{re.escape(text)}` \| `{option}` \|$", PAGE, re.MULTILINE), option
