"""Whether a text that a document quotes is one that the code has."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ("batchmgr", "emulators", "infra/hooks")


def is_said(quoted: str) -> bool:
    """Return whether the code has a text with these parts, in this order. `…` is what differs each time."""
    parts = [part.strip() for part in quoted.split("…") if part.strip()]
    return bool(parts) and any(_has(text, parts) for text in _texts())


def _has(text: str, parts: list[str]) -> bool:
    for part in parts:
        _, found, text = text.partition(part)
        if not found:
            return False
    return True


@cache
def _texts() -> frozenset[str]:
    """Return all texts of the code. What is put in when it runs is a space."""
    return frozenset(
        text
        for folder in SOURCES
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if (text := _text(node))
    )


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else " " for part in node.values)
    return ""
