"""The findings as text for a terminal, and as JSON."""

import json
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence

from batchmgr.doctor.finding import Finding, Status, is_wrong

WIDTH = 80
_CHECK, _STATUS = 15, 9
_INDENT = " " * (_CHECK + _STATUS)
_COMMAND = "    "


def as_json(findings: Sequence[Finding]) -> str:
    """Return one object: whether all is well, and the findings."""
    listed = [
        {"check": one.check, "status": str(one.status), "what": one.what}
        | ({"remedy": one.remedy} if one.remedy else {})
        for one in findings
    ]
    return json.dumps({"healthy": not is_wrong(findings), "findings": listed}, indent=2, ensure_ascii=False)


def as_text(findings: Sequence[Finding]) -> str:
    """Return the findings in 80 columns: each with what was seen and, if there is one, what to do."""
    lines = [line for finding in findings for line in _lines(finding)]
    return "\n".join([*lines, "", _summary(findings)])


def _lines(finding: Finding) -> Iterator[str]:
    head = f"{finding.check:<{_CHECK}}{finding.status:<{_STATUS}}"
    yield from textwrap.wrap(
        finding.what, WIDTH, initial_indent=head, subsequent_indent=_INDENT, break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip
    prefix = "do: "
    for line in finding.remedy.splitlines():
        if line.startswith(_COMMAND):
            yield from _command(line.strip())
        else:
            yield from textwrap.wrap(
                line, WIDTH, initial_indent=_INDENT + prefix, subsequent_indent=f"{_INDENT}    ",
                break_long_words=False, break_on_hyphens=False,
            )  # fmt: skip
        prefix = "    "


def _command(command: str) -> Iterator[str]:
    """Yield a command in lines that a shell puts together again. It is to be copied."""
    parts = command.split(" --")
    line = f"  {parts[0]}"
    for part in parts[1:]:
        if len(line) + len(part) + 5 > WIDTH:
            yield f"{line} \\"
            line = f"    --{part}"
        else:
            line = f"{line} --{part}"
    yield line


def _summary(findings: Sequence[Finding]) -> str:
    counts = Counter(finding.status for finding in findings)
    return ", ".join(f"{counts[status]} {status}" for status in Status if counts[status])
