"""How commands declare their arguments: in the annotations of their parameters, each with its help.

    def run(file: Annotated[Path, argument("FILE", "a job message")], as_json: Annotated[bool, …] = False)

A default is said in the help where it matters, so it is not printed once more.
"""

from pathlib import Path
from typing import Annotated, Any

import typer

HELP_NAMES = {"help_option_names": ["-h", "--help"]}
"""The settings of each command: how it is asked for its help."""


def argument(metavar: str, text: str, **more: Any) -> Any:
    """Return the annotation of a positional argument."""
    return typer.Argument(metavar=metavar, help=text, show_default=False, **more)


def option(*names: str, text: str, **more: Any) -> Any:
    """Return the annotation of an option."""
    return typer.Option(*names, help=text, show_default=False, **more)


SettingsFile = Annotated[
    Path | None,
    option(
        "--settings",
        metavar="FILE",
        text="the app's settings file; variables of the environment take precedence "
        "(default: local.settings.json, if it is here)",
    ),
]
