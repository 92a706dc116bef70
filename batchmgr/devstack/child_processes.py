"""Child processes that end with their parent, and whose logs are shown when they fail."""

import asyncio
import contextlib
import os
import re
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from batchmgr.devstack import parent_death_signal
from batchmgr.devstack.process_family import ProcessFamily
from batchmgr.errors import StackError

_POLL_S = 0.02


class ChildProcess:
    """One child process. It leads its own process group, so that Ctrl-C reaches only the parent.

    Standard output goes to `output`, standard error to `log`. `ChildProcesses.start` creates it.
    """

    def __init__(
        self,
        name: str,
        process: asyncio.subprocess.Process,
        *,
        output: Path,
        log: Path,
        family: ProcessFamily | None = None,
    ) -> None:
        self.name = name
        self._process = process
        self._output = output
        self._log = log
        self._family = family
        self._was_stopped = False

    @property
    def pid(self) -> int:
        """The process id, and the id of its process group."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process is still running."""
        return self._process.returncode is None

    @property
    def has_died(self) -> bool:
        """Whether the process has ended without `stop` or `kill`."""
        return not self._was_stopped and not self.is_running

    async def wait_for_output(self, pattern: re.Pattern[str], *, timeout_s: float) -> re.Match[str]:
        """Wait for `pattern` in the complete lines of standard output, and return the first match.

        Raises StackError if the process ends first, or if nothing matches within `timeout_s` seconds.
        """
        deadline = asyncio.get_running_loop().time() + timeout_s
        while True:
            # Check this before reading, so that the last output of a process that has ended is read too.
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
        """Raise StackError, with the end of the log, if the process has ended without `stop` or `kill`."""
        if self.has_died:
            raise StackError(self._describe(f"ended unexpectedly {self.exit}"))

    def log_tail(self, lines: int = 20) -> str:
        """Return the last lines of standard error, or of standard output if standard error is empty."""
        for path in (self._log, self._output):
            if text := path.read_text(errors="replace").strip():
                return "\n".join(text.splitlines()[-lines:])
        return ""

    async def wait(self) -> int:
        """Wait until the process ends. Return its exit code, or the negative number of a signal."""
        return await self._process.wait()

    async def stop(self, *, grace_s: float = 15) -> None:
        """Send SIGTERM to the process group, and SIGKILL to those still running after `grace_s` seconds."""
        self._was_stopped = True
        self._signal_group(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), grace_s)
        await self.kill()

    async def kill(self) -> None:
        """Send SIGKILL to the process group, and to its family, at once, as in a crash."""
        self._was_stopped = True
        self._signal_group(signal.SIGKILL)
        await self._process.wait()
        if self._family is not None:
            await asyncio.to_thread(self._family.kill)

    def _signal_group(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    @property
    def exit(self) -> str:
        """How the process ended, in words: its exit code or signal."""
        code = self._process.returncode
        return f"by {signal.Signals(-code).name}" if code and code < 0 else f"with exit code {code}"

    def _describe(self, what: str) -> str:
        tail = self.log_tail()
        return f"{self.name} {what}." + (f" The end of its log:\n{tail}" if tail else " Its log is empty.")


class ChildProcesses:
    """The child processes of one stack. They are started one after the other, and stopped in reverse order.

    Their output is kept in `log_directory`, in two files for each child.
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
        with_family: bool = False,
    ) -> ChildProcess:
        """Start `command` in `directory`. `name` appears in messages and in the names of the log files.

        Linux sends `orphan_signal` to the child if this process dies before it has stopped the child. Set
        `with_family` if the child starts processes that leave its group: they are killed with it.
        """
        family = ProcessFamily() if with_family else None
        if family is not None:
            environment = {**environment, **family.mark}
        stem = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
        output, log = (self.log_directory / f"{stem}.{suffix}" for suffix in ("out", "log"))
        try:
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
        except BaseException:
            if family is not None:
                family.kill()
            raise
        child = ChildProcess(name, process, output=output, log=log, family=family)
        self._children.append(child)
        return child

    def raise_if_ended(self) -> None:
        """Raise StackError, with the end of the log, if a child has ended without being stopped."""
        for child in self._children:
            child.raise_if_ended()

    async def stop(self) -> None:
        """Stop all children, the last started first, so that a service stops after its users."""
        while self._children:
            await self._children[-1].stop()
            self._children.pop()

    def log_tails(self, lines: int = 20) -> Mapping[str, str]:
        """Return the last lines of each child's log, by name."""
        return {child.name: child.log_tail(lines) for child in self._children}


def _with_parent_death_signal(command: Sequence[str], orphan_signal: signal.Signals) -> Sequence[str]:
    """Return the command, wrapped so that Linux ends it when this process ends.

    On other systems, children keep running if their parent is killed with SIGKILL.
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
