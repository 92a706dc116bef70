"""Joins the files of the dashboard to one page, which loads nothing from anywhere.

All scripts become one module, in the order of `SCRIPTS`: the next files can use what one file defines. The
policy (CSP) names style and script by their hashes, so that the browser runs nothing else, whatever a job is
called. It also forbids to make HTML of text: the scripts make elements, and put texts into them.
"""

import hashlib
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

STYLES = ("base", "charts", "views")
"""The files in `styles/`, in order."""

SCRIPTS = (
    "elements",
    "words",
    "address",
    "api",
    "follower",
    "columns",
    "task_statistics",
    "chart",
    "confirmation",
    "job_list",
    "operations",
    "job_actions",
    "job_summary",
    "failed_groups",
    "task_table",
    "task_log",
    "task_panel",
    "over_time",
    "simulation_file",
    "simulation_table",
    "predicted_and_real",
    "simulation_curves",
    "simulation_view",
    "job_prediction",
    "timeline_rows",
    "timeline",
    "run_times",
    "usage",
    "results",
    "job_page",
    "keyboard",
    "main",
)
"""The files in `scripts/`, in order: each uses only those before it."""

_HERE = Path(__file__).parent
_ESCAPES = str.maketrans({one: f"\\u{ord(one):04x}" for one in "<>&\u2028\u2029"})
"""No text in the data can end its block, or begin a comment."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """An HTML page, and the content security policy that it is to be served with."""

    html: str
    policy: str


@cache
def dashboard_page() -> Page:
    """Return the page that reads from the HTTP API next to it. It holds no data, and needs no key."""
    return Page(html=_joined("", ""), policy=_policy("'self'", "frame-ancestors 'none'"))


def report_page(data: Mapping[str, Any]) -> str:
    """Return the page with its data inside, as one HTML file that asks nobody for anything.

    `data` has `jobId`; `madeAt`, in ISO 8601; and `answers`, the bodies of the HTTP API by their paths:
    `jobs/kmers-001`, and below it `/timeline`, `/failures`, `/result` and, of tasks that are to be shown in
    full, `/tasks/{taskId}`. What is missing, the page leaves out, and says so. A `prediction`, what
    `batchmgr simulate -o json` prints, is laid over the job. With a `simulation` in place of `jobId` and
    `answers`, the page shows that alone.
    """
    text = msgspec.json.encode(data).decode().translate(_ESCAPES)
    block = f'<script type="application/json" id="data">{text}</script>'
    policy = _policy("'none'")
    return _joined(f'<meta http-equiv="Content-Security-Policy" content="{policy}">', block)


def _joined(policy: str, data: str) -> str:
    html = (_HERE / "page.html").read_text(encoding="utf-8")
    parts = {"policy": policy, "style": f"<style>{_style()}</style>", "data": data}
    parts["script"] = f'<script type="module">{_script()}</script>'
    for name, part in parts.items():
        before, mark, after = html.partition(f"<!-- {name} -->")
        assert mark, name  # noqa: S101
        html = before + part + after
    return html


def _policy(connect: str, *more: str) -> str:
    return "; ".join(
        (
            "default-src 'none'",
            f"connect-src {connect}",
            "img-src data:",
            f"script-src {_hash(_script())}",
            f"style-src {_hash(_style())}",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
            *more,
        )
    )


@cache
def _style() -> str:
    return "\n".join((_HERE / "styles" / f"{name}.css").read_text(encoding="utf-8") for name in STYLES)


@cache
def _script() -> str:
    return "\n".join((_HERE / "scripts" / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS)


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
