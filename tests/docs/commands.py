"""The commands that the documents tell people to type, and what runs them.

A command is a line of an indented block, or of a block marked `bash`, `sh` or `console`. It needs Azure if
its section says so in bold before it: **Azure**.
"""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page.relative_to(ROOT).as_posix()
    for page in [
        *ROOT.glob("*.md"),
        *(p for name in ("docs", "examples", "infra") for p in (ROOT / name).rglob("*.md")),
    ]
)
SHELLS = {"bash", "sh", "console"}


@dataclass(frozen=True)
class Block:
    """A block of commands. Each is one or more lines, as they are written."""

    page: str
    commands: tuple[str, ...]
    needs_azure: bool


@dataclass
class _Reader:
    page: str
    needs_azure: bool = False
    kind: str = ""
    lines: list[str] = field(default_factory=list)

    def read(self, text: str) -> Iterator[Block]:
        is_after_gap = True
        for line in [*text.splitlines(), "end"]:
            if self.kind and self.kind != "indented":
                if line.strip() == "```":
                    yield from self.end()
                else:
                    self.lines.append(line)
                continue
            if line.startswith("    ") and (self.kind or is_after_gap):
                self.kind = "indented"
                self.lines.append(line)
            elif line.strip():
                yield from self.end()
                self.prose(line)
            elif self.kind:
                self.lines.append(line)
            is_after_gap = not line.strip()

    def prose(self, line: str) -> None:
        if line.startswith("#"):
            self.needs_azure = "(Azure)" in line
        if "**Azure" in line:
            self.needs_azure = True
        if line.strip().startswith("```"):
            self.kind = line.strip().removeprefix("```").partition(" ")[0] or "text"

    def end(self) -> Iterator[Block]:
        if self.kind in SHELLS | {"indented"} and (found := tuple(_commands(self.lines))):
            yield Block(page=self.page, commands=found, needs_azure=self.needs_azure)
        self.kind = ""
        self.lines = []


def blocks(page: str) -> list[Block]:
    """Return the blocks of commands of a page, in order."""
    return list(_Reader(page).read((ROOT / page).read_text()))


def _commands(lines: list[str]) -> Iterator[str]:
    """Yield each command. In a console, only what follows `$` is one: the rest is what it prints."""
    if any(line.strip().startswith("$ ") for line in lines):
        lines = [line.strip().removeprefix("$ ") for line in lines if line.strip().startswith("$ ")]
    margin = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    begun: list[str] = []
    for line in lines:
        begun.append(line[margin:])
        command = "\n".join(begun)
        if not line.rstrip().endswith("\\") and _is_complete(command):
            begun = []
            if shlex.split(command, comments=True):
                yield command


def _is_complete(command: str) -> bool:
    try:
        shlex.split(command, comments=True)
    except ValueError:
        return False
    return True
