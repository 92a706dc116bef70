"""What tasks write to the process's streams is kept in files, too, as on a node."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TextIO


@contextmanager
def kept_streams(stdout: Path, stderr: Path) -> Iterator[None]:
    """Keep in these files, made anew, what is written to `sys.stdout` and `sys.stderr` meanwhile.

    The streams themselves stay: a debugger finds its terminal, and logging handlers made before are heard.
    What programs started by a task write by themselves is not.
    """
    with (
        stdout.open("wb", buffering=0) as out,
        stderr.open("wb", buffering=0) as err,
        _copied(sys.stdout, out),
        _copied(sys.stderr, err),
    ):
        yield


@contextmanager
def _copied(stream: TextIO, file: BinaryIO) -> Iterator[None]:
    # Below the text layer, where everything passes: print, logging, and bytes written to `buffer`.
    buffer: Any = getattr(stream, "buffer", None)
    if buffer is None:  # not a file, such as a notebook's
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
