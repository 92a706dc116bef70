"""Queries of Azure Monitor, checked by the language service of Kusto (an npm package), without Azure.

Nothing else would notice a mistake before it matters: Azure makes the rules of alerts without a check, since
a new workspace has no tables yet.
"""

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict

from tests.infra.bicep import ROOT

PACKAGE = ROOT / "node_modules" / "@kusto" / "language-service-next"
SCRIPT = Path(__file__).with_name("kusto.cjs")

# From Microsoft's reference of Azure Monitor Logs: what the queries may use of each table.
_EVERY = (
    "TimeGenerated:datetime, Properties:dynamic, OperationId:string, AppRoleName:string, _ResourceId:string"
)
TABLES = {
    "AppMetrics": f"(Name:string, Sum:real, Min:real, Max:real, ItemCount:int, {_EVERY})",
    "AppTraces": f"(Message:string, SeverityLevel:int, ItemCount:int, {_EVERY})",
    "AppExceptions": (
        "(ExceptionType:string, OuterMessage:string, InnermostMessage:string, SeverityLevel:int, "
        f"ItemCount:int, {_EVERY})"
    ),
}


class Answer(TypedDict):
    """What is wrong with a query, and the columns of its result."""

    problems: list[str]
    columns: list[str]


def is_here() -> bool:
    """Return whether the language service is installed."""
    return PACKAGE.exists() and shutil.which("node") is not None


def check(queries: Sequence[str], tables: Mapping[str, str] = TABLES) -> list[Answer]:
    """Return what the language service says to each query."""
    ran = subprocess.run(
        ["node", str(SCRIPT)],
        input=json.dumps({"tables": tables, "queries": queries}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    found: list[Answer] = json.loads(ran.stdout)
    return found
