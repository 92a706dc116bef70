"""Run the fake Azure Batch as a process in your tests, and inject faults into it.

    with FakeBatchProcess("--pool", "hpc=2x4") as fake:
        batch = BatchClient(fake.endpoint, AzureNamedKeyCredential(fake.account, fake.key))
        fake.faults.add("cut", "create_task_collection", count=1)  # the tasks are added, the response is lost
        fake.faults.add("error", "list_tasks", status=429, retryAfter=1, probability=0.2, seed=7)
        fake.faults.add("countsLag", seconds=10)
        ...
        fake.faults.clear()

`fake.kill()` ends the service as a crash would. `fake.start()` starts it again, at the same address. With
`--state DIR` it continues from the saved state. The faults are listed in `fakebatch.faults.control_api`.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from http.client import HTTPConnection
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from fakebatch.errors import FaultRefusedError

_TIMEOUT_S = 30


class FaultClient:
    """A client of the control API: it adds, lists and removes rules, and preempts spot nodes."""

    def __init__(self, control: str) -> None:
        self._host = urlsplit(control).netloc

    def add(self, fault: str, operation: str | None = None, **details: Any) -> int:
        """Add a rule and return its id. `details` have the names of its JSON. Raises FaultRefusedError."""
        chosen = {} if operation is None else {"operation": operation}
        rule_id: int = self._call("POST", "/rules", {"fault": fault, **chosen, **details})["id"]
        return rule_id

    def rules(self) -> list[dict[str, Any]]:
        """Return the rules. `met` counts the requests a rule matched, `struck` those it applied to."""
        found: list[dict[str, Any]] = self._call("GET", "/rules")["rules"]
        return found

    def clear(self, rule_id: int | None = None) -> None:
        """Remove a rule, or all rules. Raises FaultRefusedError if there is no such rule."""
        self._call("DELETE", "/rules" if rule_id is None else f"/rules/{rule_id}")

    def preempt(self, pool_id: str, nodes: int = 1) -> list[str]:
        """Preempt spot nodes of a pool, and return their ids. Raises FaultRefusedError."""
        taken: list[str] = self._call("POST", "/preemptions", {"poolId": pool_id, "nodes": nodes})["nodes"]
        return taken

    def restore(self, pool_id: str) -> list[str]:
        """Replace the preempted nodes of a pool, and return their ids. Raises FaultRefusedError."""
        restored: list[str] = self._call("POST", "/restorations", {"poolId": pool_id})["nodes"]
        return restored

    def _call(self, method: str, path: str, body: object = None) -> Any:
        connection = HTTPConnection(self._host, timeout=_TIMEOUT_S)
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, {"Content-Type": "application/json"})
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()
        if response.status >= 300:
            raise FaultRefusedError(text.decode())
        return json.loads(text) if text else None


class FakeBatchProcess:
    """A fake Azure Batch in a process of its own, as a context manager.

    `arguments` are those of `python -m fakebatch`. Clients need `endpoint`, `account` and `key`. `faults` is
    a client of the control API.
    """

    def __init__(self, *arguments: str) -> None:
        self._arguments = arguments
        self._process: subprocess.Popen[str] | None = None
        self.endpoint = ""
        self.account = ""
        self.key = ""
        self.faults = FaultClient("")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the service. A second start uses the same address again. Raises RuntimeError if it fails."""
        port = str(urlsplit(self.endpoint).port or 0)
        command = [sys.executable, "-m", "fakebatch", "--json"]
        self._process = _started([*command, "--port", port, "--control-port", "0", *self._arguments])
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            self.stop()
            raise RuntimeError("the fake Azure Batch did not start; its output on stderr says why")
        greeting = json.loads(line)
        self.endpoint, self.account, self.key = (greeting[name] for name in ("endpoint", "account", "key"))
        self.faults = FaultClient(greeting["control"])

    def stop(self) -> None:
        """Ask the service to stop, and wait until it has."""
        if self._process is not None:
            self._process.terminate()
            self._reap()

    def kill(self) -> None:
        """Kill the service, as a crash would. It cannot clean up."""
        if self._process is not None:
            self._process.kill()
            self._reap()

    def _reap(self) -> None:
        if self._process is not None:
            self._process.communicate(timeout=_TIMEOUT_S)
            self._process = None


def _started(command: Sequence[str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
