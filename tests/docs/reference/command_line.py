"""The page of all commands: made of their parsers, so that it is the same with every version of Python."""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from batchmgr.cli import COMMANDS
from batchmgr.cli.program import command, load
from batchmgr.dispatcher import local_command
from batchmgr.workload.application import Application
from tests.docs.reference.markdown import NOTE, table
from tests.docs.reference.my_workload import MyWorkload

_HEAD = """\
# Command line

{note}
`batchmgr` is a command of this repository's environment: `.venv/bin/batchmgr`. A workload's package is a
command too: `python -m my_workload`. Each command has `--help`. [How the commands that call an app go
together](../command-line.md)

## batchmgr

"""
_WORKLOAD = """\

## A workload

Each package that ends its `__main__.py` with [`Application(…).run()`](programming-model.md#application) has
these commands.

"""


@dataclass(frozen=True)
class Shown:
    """A command: its text, and its arguments as they are typed, each with its help; or its subcommands."""

    text: str
    arguments: list[tuple[str, str]]
    subcommands: dict[str, "Shown"]


def command_line() -> str:
    """Return the page."""
    own = {f"batchmgr {name}": _own(name, text) for name, text in COMMANDS.items()}
    page = _HEAD.format(note=NOTE) + _overview(own) + "".join(_sections(own))
    workload = _workload_commands()
    return page + _WORKLOAD + _overview(workload) + "".join(_sections(workload))


def _own(name: str, text: str) -> Shown:
    module = load(name)
    if not hasattr(module, "add_arguments"):
        return _of_typer(command(name))
    parser = argparse.ArgumentParser(prog=f"batchmgr {name}", description=text)
    module.add_arguments(parser)
    return _of_argparse(parser, text)


def _workload_commands() -> dict[str, Shown]:
    parser, local = Application(MyWorkload())._parsers()
    local_command.add_arguments(local)
    shown = _of_argparse(parser, "").subcommands
    return {f"python -m my_workload {name}": found for name, found in shown.items()}


def _of_typer(found: Any) -> Shown:
    nested = {name: _of_typer(one) for name, one in getattr(found, "commands", {}).items()}
    return Shown(found.help or "", [_parameter(one) for one in found.params], nested)


def _parameter(parameter: Any) -> tuple[str, str]:
    is_option = parameter.param_type_name == "option"
    words = [", ".join(parameter.opts)] if is_option else []
    if not getattr(parameter, "is_flag", False):
        words.append(_metavar(parameter))
    name = " ".join(words)
    text = parameter.help or ""
    is_repeatable = getattr(parameter, "multiple", False) and "repeated" not in text
    return (
        f"`{name}`" if parameter.required else f"`[{name.strip('[]') if not is_option else name}]`",
        _sentence(text) + (" It may be given more than once." if is_repeatable else ""),
    )


def _metavar(parameter: Any) -> str:
    choices = parameter.type_descriptor.choices
    if parameter.metavar:
        return str(parameter.metavar)
    return "{" + ",".join(map(str, choices)) + "}" if choices else str(parameter.name).upper()


def _of_argparse(parser: argparse.ArgumentParser, text: str) -> Shown:
    nested: dict[str, Shown] = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for choice in action._choices_actions:
                nested[choice.dest] = _of_argparse(action.choices[choice.dest], choice.help or "")
    skipped = (argparse._HelpAction, argparse._SubParsersAction)
    actions = [action for action in parser._actions if not isinstance(action, skipped)]
    return Shown(parser.description or text, [(_name(action), _text(action)) for action in actions], nested)


def _overview(commands: dict[str, Shown]) -> str:
    rows = [(f"[`{name}`](#{_anchor(name)})", shown.text) for name, shown in commands.items()]
    return table(["command", "what it does"], rows)


def _sections(commands: dict[str, Shown]) -> Iterator[str]:
    for name, shown in commands.items():
        yield f"\n### {name}\n\n"
        if not shown.subcommands:
            yield _arguments(shown)
        for subcommand, found in shown.subcommands.items():
            yield f"#### {name} {subcommand}\n\n{_sentence(found.text)}\n\n{_arguments(found)}"
            if subcommand != list(shown.subcommands)[-1]:
                yield "\n"


def _arguments(shown: Shown) -> str:
    return table(["argument", "what it is"], shown.arguments) if shown.arguments else "It has no arguments.\n"


def _name(action: argparse.Action) -> str:
    words = [", ".join(action.option_strings)] if action.option_strings else []
    if action.nargs != 0:
        words.append(_value(action))
    name = " ".join(words)
    return f"`{name}`" if action.required else f"`[{name}]`"


def _value(action: argparse.Action) -> str:
    choices = "{" + ",".join(map(str, action.choices)) + "}" if action.choices else action.dest.upper()
    value = action.metavar or choices
    if action.nargs == "+":
        return f"{value} …"
    return f"[{value}]" if action.nargs == "?" and action.option_strings else str(value)


def _text(action: argparse.Action) -> str:
    text = (action.help or "").replace("%(default)s", str(action.default))
    return f"{_sentence(text)} It may be given more than once." if _is_repeatable(action) else _sentence(text)


def _is_repeatable(action: argparse.Action) -> bool:
    return isinstance(action, argparse._AppendAction) and "repeated" not in (action.help or "")


def _sentence(text: str) -> str:
    """Return a help text with a capital letter and a full stop, unless it begins with a name."""
    begin = text[:1].upper() + text[1:] if text.partition(" ")[0].rstrip(":").isalpha() else text
    return begin if begin.endswith(".") else f"{begin}."


def _anchor(name: str) -> str:
    return name.replace(" ", "-")
