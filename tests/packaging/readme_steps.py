"""The commands of a document, and the stack that one of them starts."""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ANY_PORTS = "--functions-port 0 --batch-port 0 --blob-port 0 --queue-port 0 --host embedded --json"


def steps(readme: str) -> list[tuple[str, str]]:
    """Return the kind of each step, which is empty for a plain one, and its commands."""
    blocks = re.findall(r"^```sh ?([\w-]*)\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    return [(str(kind), str(commands)) for kind, commands in blocks]


@contextmanager
def running(command: str, directory: Path, variables: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Run the command that starts the stack, on any ports, and yield the addresses that it prints."""
    log = directory / "stack.log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            ["sh", "-ec", f"exec {command.strip()} {ANY_PORTS}"],
            cwd=directory,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, log.read_text()
            yield json.loads(line)
        finally:
            process.terminate()
            process.wait(30)
            if process.stdout is not None:
                process.stdout.close()
