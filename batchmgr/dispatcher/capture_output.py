"""Copies what tasks write to stdout and stderr into files, as a node does."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TextIO


@contextmanager
def capture_output(stdout: Path, stderr: Path) -> Iterator[None]:
    """Copy what is written to `sys.stdout` and `sys.stderr` into these files, which are emptied first.

    The streams are not replaced. So a debugger can use the terminal, and logging handlers that were made
    before are copied too. Output that a task's child processes write by themselves is not copied.
    """
    with (
        stdout.open("wb", buffering=0) as out,
        stderr.open("wb", buffering=0) as err,
        _copying(sys.stdout, out),
        _copying(sys.stderr, err),
    ):
        yield


@contextmanager
def _copying(stream: TextIO, file: BinaryIO) -> Iterator[None]:
    # Below the text layer, because print, logging and bytes written to `buffer` all pass through here.
    buffer: Any = getattr(stream, "buffer", None)
    if buffer is None:  # not a file: a notebook's stream, for example
        yield
        return
    stream.flush()
    write = buffer.write

    def write_both(data: bytes) -> Any:
        file.write(data)
        return write(data)

    buffer.write = write_both
    try:
        yield
    finally:
        stream.flush()
        del buffer.write
