"""A stand-in for docker, which runs the commands of containers on this machine.

It knows `build`, `run`, `inspect` and `rm`, as far as the pages and the fake Azure Batch call them. Of a
Dockerfile it takes COPY, WORKDIR and ENTRYPOINT: what is copied to a directory of programs is on the PATH. A
working directory that is mounted is that of the machine.
"""

import json
import os
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

IMAGES = Path(__file__).parent / "images"
VALUES = {
    "-v": "volumes",
    "-w": "directory",
    "-e": "variables",
    "--name": "name",
    "--entrypoint": "entrypoint",
}


def directory_of(image: str) -> Path:
    """Return where an image is kept. Its path can be a part of PATH, which has no place for a colon."""
    return IMAGES / image.replace("/", "+").replace(":", "+")


def build(_: str, name: str, context: str) -> None:
    """`build -t NAME CONTEXT`: keep what the Dockerfile copies, and what it says of the command."""
    image = directory_of(name)
    programs = image / "programs"
    programs.mkdir(parents=True, exist_ok=True)
    facts = {"WORKDIR": "/", "ENTRYPOINT": "[]"}
    for line in (Path(context) / "Dockerfile").read_text().splitlines():
        keyword, _, rest = line.partition(" ")
        if keyword == "COPY":
            source, target = rest.split()
            shutil.copy(Path(context) / source, programs / Path(target).name)
        elif keyword in facts:
            facts[keyword] = rest
    (image / "facts.json").write_text(json.dumps(facts))
    print(f"Successfully tagged {name}")


def run(*words: str) -> None:
    """`run OPTIONS IMAGE COMMAND`: become the command."""
    options: dict[str, list[str]] = {}
    rest = list(words)
    while rest[0].startswith("-"):
        option, has_value, value = rest.pop(0).partition("=")
        if option != "--rm":
            options.setdefault(VALUES[option], []).append(value if has_value else rest.pop(0))
    image = directory_of(rest[0])
    if not image.is_dir():
        sys.exit(f"Unable to find image '{rest[0]}' locally")
    facts: dict[str, str] = json.loads((image / "facts.json").read_text())
    entrypoint = [word for word in options.get("entrypoint", json.loads(facts["ENTRYPOINT"])) if word]
    volumes: dict[str, str] = {}
    for volume in options.get("volumes", []):
        source, _, target = volume.partition(":")
        volumes[target] = source
    directory = options.get("directory", [facts["WORKDIR"]])[-1]
    os.chdir(volumes.get(directory, directory))
    path = f"{image / 'programs'}{os.pathsep}{os.defpath}"
    variables = dict(variable.split("=", 1) for variable in options.get("variables", []))
    command = [*entrypoint, *rest[1:]]
    try:
        os.execvpe(command[0], command, {**variables, "PATH": path})
    except FileNotFoundError:
        print(
            f"docker: exec: {shlex.quote(command[0])}: executable file not found in $PATH.", file=sys.stderr
        )
        sys.exit(127)


def inspect(*_: str) -> None:
    """`inspect --format … NAME`: the container has ended."""
    print("c0ffee exited")


def rm(*_: str) -> None:
    """`rm --force NAME`: nothing is left of a container."""


COMMANDS: dict[str, Callable[..., None]] = {"build": build, "run": run, "inspect": inspect, "rm": rm}

if __name__ == "__main__":
    COMMANDS[sys.argv[1]](*sys.argv[2:])
