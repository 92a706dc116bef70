"""The watchdog: a process beside the service that kills everything the service started if it is killed."""

import asyncio
import subprocess
import sys
import uuid
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from fakebatch.execution import process_killing

_MARK: Final = "FAKEBATCH_INSTANCE"


class Watchdog:
    """The client of the watchdog process, which is `process_killing` run as a program.

    The service writes a line to a pipe whenever a session or container starts or ends. The operating system
    closes the pipe however the service ends. If the service has not said that it stops, the watchdog then
    kills everything that still runs. One process serves all tasks.
    """

    def __init__(self) -> None:
        self._id = uuid.uuid4().hex
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def mark(self) -> Mapping[str, str]:
        """The environment variable that identifies processes that have left the session they started in."""
        return {_MARK: self._id}

    def start(self) -> None:
        """Start the watchdog process, if it isn't running. Call this before you start anything."""
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", process_killing.__file__, f"{_MARK}={self._id}"],
                bufsize=0,
                stdin=subprocess.PIPE,
                # It must not keep the output of a killed service open: a client may read it to its end.
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )

    def started(self, *what: object) -> None:
        """Report the start of a `session` with its leader, or of a `container` with its runtime and name."""
        self._tell("began", *what)

    def ended(self, *what: object) -> None:
        """Report the end of a session or container, with the arguments of `started`."""
        self._tell("over", *what)

    async def close(self) -> None:
        """Stop the watchdog. It kills only what has left its session; all else has ended."""
        if self._process is not None:
            self._tell("end")
            await asyncio.to_thread(self._process.communicate)
            self._process = None

    def _tell(self, *words: object) -> None:
        if self._process is not None and self._process.stdin is not None:
            # The watchdog may have been killed itself.
            with suppress(BrokenPipeError):
                self._process.stdin.write(" ".join(map(str, words)).encode() + b"\n")
