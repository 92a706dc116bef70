"""Writes the page of all behaviours and the summary of it: `python -m tests.functions_host.behaviours`."""

from tests.functions_host.behaviours.page import (
    PAGE,
    SUMMARY_PAGE,
    all_behaviours,
    page,
    summary,
    with_summary,
)

if __name__ == "__main__":
    behaviours = all_behaviours()
    PAGE.write_text(page(behaviours))
    SUMMARY_PAGE.write_text(with_summary(SUMMARY_PAGE.read_text(), summary(behaviours)))
