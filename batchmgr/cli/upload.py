"""`batchmgr upload`: uploads files for tasks to read."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec

from batchmgr.cli.app_command import calls_app
from batchmgr.cli.arguments import argument, option
from batchmgr.cli.output import Output, print_each
from batchmgr.client.sync_client import Client
from batchmgr.errors import BatchmgrError


class Uploaded(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A file that was uploaded, and what job messages call it."""

    file: str
    container: str
    path: str
    size: int


@calls_app
def run(
    app: Client,
    files: Annotated[list[Path], argument("FILE...", "files, and folders with all their files")],
    container: Annotated[str, option("--container", text="the container (default: inputs)")] = "inputs",
    prefix: Annotated[
        str, option("--prefix", metavar="FOLDER", text="the folder in the container (default: none)")
    ] = "",
    output: Output = "text",
) -> int:
    """Upload files, and print what job messages call them. Return 0."""

    def each() -> Iterator[Uploaded]:
        for file, name in [pair for given in files for pair in _named_files(given)]:
            path = f"{prefix.strip('/')}/{name}".lstrip("/")
            app.upload(file, container, path)
            yield Uploaded(file=str(file), container=container, path=path, size=file.stat().st_size)

    named = "{0.container}/{0.path}".format
    print_each(each(), output, text=named, name=named)
    return 0


def _named_files(given: Path) -> Iterator[tuple[Path, str]]:
    """Yield each file and its name. In a folder, files keep their names below it."""
    if not given.exists():
        raise BatchmgrError(f"{given}: No such file or directory.")
    if not given.is_dir():
        yield given, given.name
        return
    for file in sorted(given.rglob("*")):
        if file.is_file():
            yield file, file.relative_to(given).as_posix()
