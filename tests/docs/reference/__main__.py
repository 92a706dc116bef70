"""Writes the pages of `docs/reference`: `python -m tests.docs.reference`."""

from tests.docs.reference.pages import FOLDER, PAGES

if __name__ == "__main__":
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page())
