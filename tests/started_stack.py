"""The local stack, or a part of it, started by a command of a document, on any ports."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ANY_PORTS = "--functions-port 0 --batch-port 0 --blob-port 0 --queue-port 0 --host embedded --json"


@contextmanager
def started_stack(
    command: str, directory: Path, variables: Mapping[str, str], options: str = ANY_PORTS
) -> Iterator[dict[str, Any]]:
    """Run the command that starts the stack, with more options, and yield the addresses that it prints."""
    log = directory / "stack.log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            ["sh", "-ec", f"exec {command.strip()} {options}"],
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
