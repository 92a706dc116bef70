"""Runs the commands of a page of docs/moving, as they are written, and compares what they print.

A block of commands begins with ```` ```sh ````. After `sh` may stand `start`, for the command that starts the
stack, or what the commands need, such as `needs-azure`: then they are not run without it. If a block
```` ```text ```` follows directly, each of its lines must be in the output of the commands. A line with `…`
stands for others.
"""

import re
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.packaging.fresh_environment import ROOT, run_script
from tests.started_stack import started_stack

PAGES = ROOT / "docs" / "moving"
_BLOCKS = re.compile(r"^```sh ?([\w.-]*)\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Step:
    """Commands of a page. `kind` is empty for plain ones. `shown` is the output that the page shows."""

    kind: str
    commands: str
    shown: str


def steps_of(page: str) -> list[Step]:
    """Return the commands of a page of docs/moving, in their order."""
    text = (PAGES / f"{page}.md").read_text(encoding="utf-8")
    return [
        Step(kind=kind, commands=commands, shown=shown or "")
        for kind, commands, shown in _BLOCKS.findall(text)
    ]


def tell(page: str, clone: Path, variables: Mapping[str, str], also: Collection[str] = ()) -> list[str]:
    """Run a page in a clone, and return the output of each block of commands that was run.

    The stack listens on any ports; its addresses are in the variables that the commands see. `also` are the
    kinds of blocks to run besides plain ones.
    """
    environment = dict(variables)
    outputs = []
    with ExitStack() as stack:
        for step in steps_of(page):
            if step.kind == "start":
                addresses = stack.enter_context(started_stack(step.commands, clone, environment))
                environment["BATCHMGR_URL"] = addresses["functions"]
                environment["AZURE_STORAGE_CONNECTION_STRING"] = addresses["connectionString"]
            elif not step.kind or step.kind in also:
                outputs.append(run_script([step.commands], directory=clone, variables=environment))
                missing = _missing(step.shown, outputs[-1])
                assert not missing, f"{missing} not in:\n{outputs[-1]}"
    return outputs


def _missing(shown: str, said: str) -> list[str]:
    lines = {line.rstrip() for line in said.splitlines()}
    return [line for line in shown.splitlines() if "…" not in line and line.rstrip() not in lines]
