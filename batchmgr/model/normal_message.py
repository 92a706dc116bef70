"""Messages of failures without what differs from task to task, so that one bug has one message."""

import re
from functools import lru_cache

MAX_MESSAGE = 300
"""How many characters of a message count."""

_PATH = r"(?<![\w<])(?:[A-Za-z]:)?[\w.~@%+-]*(?:[/\\][\w.~@%+-]+)+[/\\]?(?:\?[^\s'\"<>)\]]*)?"
_FILE = (
    r"(?<![\w<])[\w-]+\.(?:py|sh|txt|csv|tsv|json|ya?ml|xml|log|fa|fasta|fastq|bam|vcf|gz|zip|tar|h5|nc|tiff?|png"
    r"|bin|dat)\b"
)
_RULES = tuple(
    (re.compile(pattern), placeholder)
    for pattern, placeholder in (
        (r"\b[a-zA-Z][a-zA-Z0-9+.-]*://[^\s'\"<>)\]]+", "<url>"),
        (r"(?<![\w>])[bruf]?(?:'[^'\n]*'|\"[^\"\n]*\"|`[^`\n]*`|‘[^’\n]*’|“[^”\n]*”)(?!\w)", "<value>"),
        (r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?", "<time>"),
        (r"(?i)\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", "<id>"),
        (_PATH, "<path>"),
        (_FILE, "<path>"),
        (r"(?i)\b0x[0-9a-f]+\b", "<n>"),
        (r"(?<![<\w.])[-+]?\d+(?:\.\d+)?[eE][-+]?\d+(?!\w)", "<n>"),
        (r"(?i)(?<![a-z0-9])(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{8,}(?![a-z0-9])", "<id>"),
        (r"(?<![A-Za-z0-9])(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9]{16,}(?![A-Za-z0-9])", "<id>"),
        (r"(?<![<\w])[-+]?\d[\d,_]*(?:\.\d+)?(?:[eE][-+]?\d+)?|\d+", "<n>"),
        (r"(<\w+>)(?:[\s,;x×*]+\1)+", r"\1"),
        (r"\s+", " "),
    )
)
"""What is replaced, in this order: values in quotes before what is in them, wholes before their parts."""

_MOST_PASSES = 12
_NO_LETTERS = re.compile(r"[^A-Za-z<> ]+")
"""Left out of a text in which each replacement lays bare another one: nobody has meant that to be read."""


@lru_cache(maxsize=4096)
def normal_message(text: str) -> str:
    """Return the first line of a message with placeholders for what differs from task to task.

    >>> normal_message("chunk 17 of /mnt/in/a.csv: expected 'lat', got 0x7f3a")
    'chunk <n> of <path>: expected <value>, got <n>'
    >>> normal_message("Can't open job-3f2a9c41/part-0042.tsv")
    "Can't open <path>"
    """
    line = next((line for line in text.splitlines() if line.strip()), "").strip()[: 4 * MAX_MESSAGE]
    before, passes = "", 0
    while line != before:  # what is replaced may lay bare something else
        before, passes = line, passes + 1
        line = _replaced(line if passes <= _MOST_PASSES else _NO_LETTERS.sub(" ", line))
    return line


def _replaced(line: str) -> str:
    for pattern, placeholder in _RULES:
        line = pattern.sub(placeholder, line)
    line = line.strip()
    return line if len(line) <= MAX_MESSAGE else f"{line[: MAX_MESSAGE - 1]}…"
