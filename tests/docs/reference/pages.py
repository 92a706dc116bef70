"""Every page of the reference, and what writes it."""

from collections.abc import Callable, Mapping
from pathlib import Path

from tests.docs.reference.command_line import command_line
from tests.docs.reference.programming_model import programming_model
from tests.docs.reference.states_and_codes import states_and_codes

FOLDER = Path(__file__).parents[3] / "docs" / "reference"
PAGES: Mapping[str, Callable[[], str]] = {
    "command-line.md": command_line,
    "programming-model.md": programming_model,
    "states-and-codes.md": states_and_codes,
}
