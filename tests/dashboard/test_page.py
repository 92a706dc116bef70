"""The page that is served: nothing from outside, and a policy that lets nothing else run."""

import hashlib
import json
import re
from base64 import b64encode

import pytest

from batchmgr.dashboard.page import SCRIPTS, STYLES, dashboard_page, report_page
from batchmgr.functions.http_dashboard import dashboard
from tests.functions.app import ROOT

FOLDER = ROOT / "batchmgr" / "dashboard"
HOSTILE = "</script><script>alert(1)</script><!--\u2028&amp;'\"<style>"


def directives(policy: str) -> dict[str, list[str]]:
    return {name: sources for name, *sources in (one.split() for one in policy.split("; "))}


def hashed(tag: str, html: str) -> list[str]:
    """The hashes of all blocks of this tag that a browser would run."""
    blocks = re.findall(rf"<{tag}(?: type=\"module\")?>(.*?)</{tag}>", html, re.DOTALL)
    return [f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in blocks]


def test_the_policy_names_the_one_style_and_the_one_script_and_forbids_all_else() -> None:
    page = dashboard_page()
    allowed = directives(page.policy)
    assert allowed["script-src"] == hashed("script", page.html)
    assert allowed["style-src"] == hashed("style", page.html)
    assert [allowed[name] for name in ("default-src", "base-uri", "form-action", "frame-ancestors")] == [
        ["'none'"]
    ] * 4
    assert allowed["connect-src"] == ["'self'"]
    assert allowed["img-src"] == ["data:"]
    assert (allowed["require-trusted-types-for"], allowed["trusted-types"]) == (["'script'"], ["'none'"])
    assert "unsafe" not in page.policy


def test_the_answer_has_the_policy_and_is_kept_by_nobody_else() -> None:
    answer = dashboard()
    assert (answer.status_code, answer.mimetype, answer.charset) == (200, "text/html", "utf-8")
    assert answer.headers["Content-Security-Policy"] == dashboard_page().policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_the_page_names_no_other_host_and_makes_no_html_of_texts() -> None:
    html = dashboard_page().html
    assert set(re.findall(r"https?://[^\s\"'`)]+", html)) == {"http://www.w3.org/2000/svg"}
    assert (
        re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", html)
        == []
    )
    assert (
        re.findall(r"<[^>]+\s(?:style|on\w+)=", html.partition("<style>")[0] + html.partition("</style>")[2])
        == []
    )


def test_every_file_of_the_folder_is_in_the_page_and_none_is_long() -> None:
    assert sorted(STYLES) == sorted(file.stem for file in (FOLDER / "styles").iterdir())
    assert sorted(SCRIPTS) == sorted(file.stem for file in (FOLDER / "scripts").iterdir())
    for file in (*FOLDER.glob("*.html"), *FOLDER.glob("*/*.css"), *FOLDER.glob("*/*.js")):
        assert len(file.read_text(encoding="utf-8").splitlines()) <= 300, file.name
    assert "<!-- " not in dashboard_page().html


@pytest.mark.parametrize(
    "text",
    [
        HOSTILE,
        "<!-- script -->",
        "<!-- data --><!-- style -->",
        "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
    ],
)
def test_no_text_in_the_data_of_a_report_gets_out_of_its_block(text: str) -> None:
    data = {"jobId": text, "madeAt": "2026-11-28T12:00:00Z", "answers": {text: {text: [text]}}}
    html = report_page(data)
    [block] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    assert json.loads(block) == data
    assert html.replace(block, "") == report_page({}).replace("{}</script>", "</script>", 1)
    [policy] = re.findall(r'http-equiv="Content-Security-Policy" content="(.*?)">', html)
    assert directives(policy)["connect-src"] == ["'none'"]
    assert directives(policy)["script-src"] == hashed("script", html)
