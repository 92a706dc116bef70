"""The index of the documentation leads to every page."""

import re

from tests.docs.commands import ROOT

DOCS = ROOT / "docs"


def test_the_index_leads_to_every_page_once() -> None:
    linked = re.findall(r"\]\(([^)#]+\.md)\)", (DOCS / "README.md").read_text())
    assert len(linked) == len(set(linked))
    pages = {
        page.relative_to(DOCS).as_posix()
        for page in DOCS.rglob("*.md")
        # A folder with an index of its own is linked by that.
        if page.name == "README.md" or not (page.parent / "README.md").exists() or page.parent == DOCS
    } - {"README.md"}
    assert pages - set(linked) == set()
