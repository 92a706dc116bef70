"""The program `batchmgr`: which commands it has, what it does with their errors, and its version."""

import builtins
import sys
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from batchmgr.cli import COMMANDS, INTERRUPTED
from batchmgr.cli.arguments import HELP_NAMES
from batchmgr.cli.exit_codes import NOT_FINISHED, NOT_FOUND
from batchmgr.errors import BatchmgrError, MissingExtraError, NotFoundError

EXTRAS = {"package": "publish"} | dict.fromkeys(list(COMMANDS)[: list(COMMANDS).index("demo")], "client")
"""Which extra installs what a command needs, where it is not `local`."""


# httpx imports its own command line, if click is there, and with it more than all of its other modules. This
# is as if click were not there.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]


def run_program(arguments: Sequence[str]) -> int:
    """Run one command, and return its exit code."""
    name = next((word for word in arguments if not word.startswith("-")), "")
    try:
        program().main(args=list(arguments), prog_name="batchmgr")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BatchmgrError as error:
        return _told(name, error)
    except ModuleNotFoundError as error:
        return _told(name, _missing(name, error))
    except TimeoutError as error:
        print(f"batchmgr {name}: {error}", file=sys.stderr)
        return NOT_FINISHED
    except KeyboardInterrupt:
        return INTERRUPTED
    raise AssertionError("the program ends by an exit code")


def _told(name: str, error: BatchmgrError) -> int:
    """Print an error to stderr. Return the exit code for it."""
    print(f"batchmgr {name}: {error}", file=sys.stderr)
    problems: Sequence[str] = getattr(error, "problems", ())
    for problem in problems:
        print(f"  {problem}", file=sys.stderr)
    return NOT_FOUND if isinstance(error, NotFoundError) else 1


def program() -> TyperGroup:
    """Return the program, with all its commands. Their modules are not imported yet."""
    app = typer.Typer(
        help="An event-driven control plane for Azure Batch.",
        rich_markup_mode=None,
        no_args_is_help=True,
        result_callback=_exit,
        context_settings=HELP_NAMES,
    )
    app.callback()(_version_option)
    group = get_command(app)
    assert isinstance(group, TyperGroup)  # noqa: S101  # it has a callback
    for name, text in COMMANDS.items():
        group.add_command(_LazyCommand(name, help=text))
    return group


def command(name: str) -> Any:
    """Import a command's module, and return the command: of typer, or of a parser of its own."""
    module = load(name)
    if hasattr(module, "add_arguments"):
        return _OwnParser(name, module=module)
    found = getattr(module, "app", None)
    if found is None:
        found = typer.Typer(rich_markup_mode=None, add_completion=False)
        found.command(name, help=COMMANDS[name], context_settings=HELP_NAMES)(module.run)
    return get_command(found)


def module_name(name: str) -> str:
    """Return the module of a command. One that is called like a function of Python has a longer name."""
    return f"batchmgr.cli.{name.replace('-', '_')}{'_command' if hasattr(builtins, name) else ''}"


def load(name: str) -> ModuleType:
    """Import a command's module. Raises MissingExtraError, because only extras install what commands need."""
    try:
        return import_module(module_name(name))
    except ModuleNotFoundError as error:
        raise _missing(name, error) from error


def _missing(name: str, error: ModuleNotFoundError) -> MissingExtraError:
    """Return which extra installs what a command needs. Raise the error again if batchmgr itself lacks it."""
    if error.name and error.name.partition(".")[0] == "batchmgr":
        raise error
    extra = EXTRAS.get(name, "local")
    return MissingExtraError(
        f"{error.name} is not installed; install it with: pip install 'batchmgr[{extra}]'"
    )


class _LazyCommand(TyperCommand):
    """A command whose module is imported when it runs, or when its own help is asked for."""

    def make_context(self, info_name: str | None, *args: Any, **options: Any) -> Any:
        return command(self.name or "").make_context(info_name, *args, **options)


class _OwnParser(TyperCommand):
    """A command that is also a program of its own, which reads its arguments with the standard library."""

    def __init__(self, name: str, *, module: ModuleType) -> None:
        super().__init__(name, add_help_option=False)
        self._module = module

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.args = args
        return args

    def invoke(self, ctx: Any) -> int:
        import argparse  # most commands run without it

        parser = argparse.ArgumentParser(prog=f"batchmgr {self.name}", description=COMMANDS[self.name or ""])
        self._module.add_arguments(parser)
        exit_code: int = self._module.run(parser.parse_args(ctx.args))
        return exit_code


def _exit(exit_code: int | None, **options: object) -> None:
    """End the program with what a command has returned."""
    raise typer.Exit(exit_code or 0)


def _print_version(is_asked: bool) -> None:
    if is_asked:
        from importlib.metadata import version

        print(f"batchmgr {version('batchmgr')}")
        raise typer.Exit


def _version_option(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="print the version")
    ] = False,
) -> None:
    """An event-driven control plane for Azure Batch."""
