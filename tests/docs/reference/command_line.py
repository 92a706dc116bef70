"""The page of all commands: made of their parsers, so that it is the same with every version of Python."""

import argparse
from collections.abc import Iterator
from importlib import import_module

from batchmgr.cli import COMMANDS
from batchmgr.dispatcher import local_command
from batchmgr.workload.application import Application
from tests.docs.reference.markdown import NOTE, table
from tests.docs.reference.my_workload import MyWorkload

_HEAD = """\
# Command line

{note}
`batchmgr` is a command of this repository's environment: `.venv/bin/batchmgr`. A workload's package is a
command too: `python -m my_workload`. Each command has `--help`.

## batchmgr

"""
_WORKLOAD = """\

## A workload

Each package that ends its `__main__.py` with [`Application(…).run()`](programming-model.md#application) has
these commands.

"""


def command_line() -> str:
    """Return the page."""
    own = {f"batchmgr {name}": _parser(name) for name in COMMANDS}
    page = _HEAD.format(note=NOTE) + _overview(own) + "".join(_sections(own))
    workload = _workload_parsers()
    return page + _WORKLOAD + _overview(workload) + "".join(_sections(workload))


def _parser(name: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"batchmgr {name}", description=COMMANDS[name])
    import_module(f"batchmgr.cli.{name.replace('-', '_')}").add_arguments(parser)
    return parser


def _workload_parsers() -> dict[str, argparse.ArgumentParser]:
    parser, local = Application(MyWorkload())._parsers()
    local_command.add_arguments(local)
    commands = _subcommands(parser)
    return {f"python -m my_workload {name}": found for name, (found, _) in commands.items()}


def _overview(commands: dict[str, argparse.ArgumentParser]) -> str:
    rows = [(f"[`{name}`](#{_anchor(name)})", parser.description or "") for name, parser in commands.items()]
    return table(["command", "what it does"], rows)


def _sections(commands: dict[str, argparse.ArgumentParser]) -> Iterator[str]:
    for name, parser in commands.items():
        yield f"\n### {name}\n\n"
        nested = _subcommands(parser)
        if not nested:
            yield _arguments(parser)
        for subcommand, (found, text) in nested.items():
            yield f"#### {name} {subcommand}\n\n{_sentence(text)}\n\n{_arguments(found)}"
            if subcommand != list(nested)[-1]:
                yield "\n"


def _subcommands(parser: argparse.ArgumentParser) -> dict[str, tuple[argparse.ArgumentParser, str]]:
    """Return the parser and the help text of each subcommand."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            texts = {choice.dest: choice.help or "" for choice in action._choices_actions}
            return {name: (found, texts[name]) for name, found in action.choices.items()}
    return {}


def _arguments(parser: argparse.ArgumentParser) -> str:
    actions = [action for action in parser._actions if not isinstance(action, argparse._HelpAction)]
    if not actions:
        return "It has no arguments.\n"
    return table(["argument", "what it is"], [(_name(action), _text(action)) for action in actions])


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
