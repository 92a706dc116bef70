"""Child processes that never outlive their parent, and that leave a log when they fail."""

import asyncio
import contextlib
import os
import re
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from batchmgr.devstack import parent_death_signal
from batchmgr.errors import StackError

_POLL_S = 0.02


class ChildProcess:
    """One running child, the leader of its own process group, so that a Ctrl-C reaches only the parent.

    Standard output goes to `output`, standard error to `log`. Made by `ChildProcesses.start`.
    """

    def __init__(self, name: str, process: asyncio.subprocess.Process, *, output: Path, log: Path) -> None:
        self.name = name
        self._process = process
        self._output = output
        self._log = log
        self._wanted = True

    @property
    def pid(self) -> int:
        """The process id, and the id of its process group."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process has not ended yet."""
        return self._process.returncode is None

    @property
    def has_died(self) -> bool:
        """Whether it has ended, and nobody had stopped it."""
        return self._wanted and not self.is_running

    async def wait_for_output(self, pattern: re.Pattern[str], *, timeout_s: float) -> re.Match[str]:
        """The first match of `pattern` in the whole lines of standard output.

        Raises StackError when the process ends first, or nothing matches within `timeout_s` seconds.
        """
        deadline = asyncio.get_running_loop().time() + timeout_s
        while True:
            # Read before asking whether it runs: the last words of a process that has ended count.
            running = self.is_running
            text = self._output.read_text(errors="replace")
            if match := pattern.search(text[: text.rfind("\n") + 1]):
                return match
            if not running:
                raise StackError(self._describe(f"ended {self.exit}"))
            if asyncio.get_running_loop().time() > deadline:
                raise StackError(self._describe(f"was not ready within {timeout_s:.0f} seconds"))
            await asyncio.sleep(_POLL_S)

    def raise_if_ended(self) -> None:
        """Raise StackError, with the end of its log, if the process ended and nobody had stopped it."""
        if self.has_died:
            raise StackError(self._describe(f"ended unexpectedly {self.exit}"))

    def log_tail(self, lines: int = 20) -> str:
        """The last lines of what it wrote to standard error or, where that is empty, to standard output."""
        for path in (self._log, self._output):
            if text := path.read_text(errors="replace").strip():
                return "\n".join(text.splitlines()[-lines:])
        return ""

    async def wait(self) -> int:
        """Wait until it ends; the exit code, or minus the signal that killed it."""
        return await self._process.wait()

    async def stop(self, *, grace_s: float = 15) -> None:
        """SIGTERM to the whole group, SIGKILL to what is left of it after `grace_s` seconds."""
        self._wanted = False
        self._signal_group(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), grace_s)
        await self.kill()

    async def kill(self) -> None:
        """SIGKILL to the whole group, at once: what a crash looks like."""
        self._wanted = False
        self._signal_group(signal.SIGKILL)
        await self._process.wait()

    def _signal_group(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    @property
    def exit(self) -> str:
        """How it ended, in words."""
        code = self._process.returncode
        return f"by {signal.Signals(-code).name}" if code and code < 0 else f"with exit code {code}"

    def _describe(self, what: str) -> str:
        tail = self.log_tail()
        return f"{self.name} {what}." + (f" The end of its log:\n{tail}" if tail else " Its log is empty.")


class ChildProcesses:
    """The children of one stack: started one after the other, stopped in reverse order.

    What they write is kept in `log_directory`, two files a child.
    """

    def __init__(self, log_directory: Path) -> None:
        self.log_directory = log_directory
        self._children: list[ChildProcess] = []

    async def start(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        directory: Path,
        orphan_signal: signal.Signals = signal.SIGTERM,
    ) -> ChildProcess:
        """Start `command` in `directory`. `name` is for people; the log files are called after it.

        `orphan_signal` is what the child gets when this process dies without having stopped it.
        """
        stem = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
        output, log = (self.log_directory / f"{stem}.{suffix}" for suffix in ("out", "log"))
        with output.open("wb") as stdout, log.open("ab") as stderr:
            process = await asyncio.create_subprocess_exec(
                *_with_parent_death_signal(command, orphan_signal),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                cwd=directory,
                env=environment,
                process_group=0,
            )
        child = ChildProcess(name, process, output=output, log=log)
        self._children.append(child)
        return child

    def raise_if_ended(self) -> None:
        """Raise StackError, with the end of its log, if a child ended that nobody stopped."""
        for child in self._children:
            child.raise_if_ended()

    async def stop(self) -> None:
        """Stop all, the last started first: whoever uses a service is gone before the service is."""
        while self._children:
            await self._children[-1].stop()
            self._children.pop()

    def log_tails(self, lines: int = 20) -> Mapping[str, str]:
        """The last lines of each child's log, by name."""
        return {child.name: child.log_tail(lines) for child in self._children}


def _with_parent_death_signal(command: Sequence[str], orphan_signal: signal.Signals) -> Sequence[str]:
    """The command, told to end when this process ends, where the system can do that.

    Elsewhere a parent that is killed with SIGKILL leaves its children behind.
    """
    if sys.platform != "linux":
        return command
    return [
        sys.executable,
        "-IS",
        parent_death_signal.__file__,
        str(os.getpid()),
        str(orphan_signal.value),
        *command,
    ]
