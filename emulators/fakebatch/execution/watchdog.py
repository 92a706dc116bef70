"""The guard beside a service: should the service be killed, nothing that it started goes on running."""

import asyncio
import subprocess
import sys
import uuid
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from fakebatch.execution import process_killing

_MARK: Final = "FAKEBATCH_INSTANCE"


class Guard:
    """A process that is told what runs, and kills it when the service ends without a word.

    One process serves all tasks: to tell it of one is to write a line to a pipe, which the system closes
    however the service ends.
    """

    def __init__(self) -> None:
        self._id = uuid.uuid4().hex
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def mark(self) -> Mapping[str, str]:
        """The variable by which processes are known that have left the session they were started in."""
        return {_MARK: self._id}

    def start(self) -> None:
        """Have the guard there before anything is started."""
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", process_killing.__file__, f"{_MARK}={self._id}"],
                bufsize=0,
                stdin=subprocess.PIPE,
                # It must not keep open what a client of a killed service reads to its end.
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )

    def began(self, *what: object) -> None:
        """Tell of something that runs: a `session` and its leader, or a `container`, its runtime and name."""
        self._tell("began", *what)

    def over(self, *what: object) -> None:
        """Tell that nothing of it runs any more."""
        self._tell("over", *what)

    async def close(self) -> None:
        """Let the guard go: all that was started is over, but for what has left its session."""
        if self._process is not None:
            self._tell("end")
            await asyncio.to_thread(self._process.communicate)
            self._process = None

    def _tell(self, *words: object) -> None:
        if self._process is not None and self._process.stdin is not None:
            # A guard that was killed itself guards no more.
            with suppress(BrokenPipeError):
                self._process.stdin.write(" ".join(map(str, words)).encode() + b"\n")
