"""What in a command line only a shell would understand: Azure Batch runs commands without one.

Source: https://learn.microsoft.com/azure/batch/batch-compute-node-environment-variables, on command lines
"""

from __future__ import annotations

import re
from typing import Iterator

SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh", "cmd", "cmd.exe", "powershell", "pwsh"})
_SIGN = re.compile(
    r"(?<=\s)(?:&&|\|\||[0-9]?>>?|<<?|[|&](?=\s|$))"
    r"|(?:&&|\|\||[|;])(?=\s|$)"
    r"|`|\$\(|\$\{?[A-Za-z_][A-Za-z0-9_]*\}?|%[A-Z_][A-Z0-9_]+%"
)
"""Operators stand apart: the `>` of `numpy>=2` and the `&` of a URL are no sign of a shell."""

_IN_DOUBLE_QUOTES = ("$", "`", "%")
"""How the signs begin that a shell understands between double quotes, too."""


def shell_signs(command_line: str) -> list[str]:
    """Return the signs in a command line that need a shell, each once; none if it starts one.

    >>> shell_signs("sort a.txt | uniq > b.txt")
    ['|', '>']
    >>> shell_signs("/bin/sh -c 'sort a.txt > b.txt'"), shell_signs("python run.py --where 'a > b'")
    ([], [])
    >>> shell_signs('cp a.txt "$AZ_BATCH_TASK_DIR"')
    ['$AZ_BATCH_TASK_DIR']
    """
    found = []
    for at, sign in _signs(command_line):
        if _names_a_shell(command_line[:at]):
            break
        found.append(sign)
    return list(dict.fromkeys(found))


def _names_a_shell(text: str) -> bool:
    words = text.replace('"', " ").replace("'", " ").split()
    return any(re.split(r"[/\\]", word)[-1].lower() in SHELLS for word in words)


def _signs(text: str) -> Iterator[tuple[int, str]]:
    """Yield the signs outside of quotes that would hide them, each with its place."""
    quote, at = "", 0
    while at < len(text):
        character = text[at]
        if character == "\\" and quote != "'":
            at += 2
            continue
        if character in "'\"" and quote in ("", character):
            quote = "" if quote else character
        match = _SIGN.match(text, at) if quote != "'" else None
        if match and (not quote or match[0].startswith(_IN_DOUBLE_QUOTES)):
            yield at, match[0]
            at = match.end()
        else:
            at += 1
