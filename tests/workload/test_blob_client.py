"""A node uses its pool's managed identity for storage: a token of the identity service, and no signature."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from batchmgr.workload import node_tokens
from batchmgr.workload.blob_client import get_blob
from batchmgr.workload.manifest import FinishedTask, Manifest
from batchmgr.workload.workload_task import FinalizeTask, TaskContext

IDENTITY = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i"


@dataclass(kw_only=True)
class Azure:
    """Fakes of a node's identity service and of storage, which keep the requests they got."""

    address: str = ""
    blobs: dict[str, bytes] = field(default_factory=dict)
    facts: dict[str, dict[str, str]] = field(default_factory=dict)
    asked_for: list[str] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    """How long the node has waited, in seconds."""
    hours: float = 24
    """How long tokens last."""
    statuses: list[int] = field(default_factory=list)
    """With what the identity service answers its first requests, in place of a token."""


def _handler(azure: Azure) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path)
            if path.path == "/metadata/identity/oauth2/token":
                query = {name: values[0] for name, values in parse_qs(path.query).items()}
                assert self.headers["Metadata"] == "true"
                azure.asked_for.append(query["msi_res_id"])
                if azure.statuses:
                    self._answer(azure.statuses.pop(0), b'{"error_description": "Identity not found"}')
                    return
                token = f"token of {query['msi_res_id']}"
                ends_at = str(int(time.time() + azure.hours * 3600))
                self._answer(200, json.dumps({"access_token": token, "expires_on": ends_at}).encode())
            elif self.headers["Authorization"] != f"Bearer token of {IDENTITY}":
                self._answer(401)
            elif self.path in azure.blobs:
                self._answer(200, azure.blobs[self.path])
            else:
                self._answer(404)

        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            allowed = self.headers["Authorization"] == f"Bearer token of {IDENTITY}"
            if not allowed or not self.headers["x-ms-version"]:
                self._answer(401)
                return
            azure.blobs[self.path] = body
            azure.facts[self.path] = {
                name.lower().removeprefix("x-ms-meta-"): text
                for name, text in self.headers.items()
                if name.lower().startswith("x-ms-meta-")
            }
            self._answer(201)

        def _answer(self, status: int, body: bytes = b"") -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None: ...

    return Handler


@pytest.fixture
def azure(monkeypatch: pytest.MonkeyPatch) -> Iterator[Azure]:
    made = Azure()
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(made)) as server:
        made.address = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", made.address)
        monkeypatch.setattr(node_tokens, "_kept", {})
        monkeypatch.setattr(time, "sleep", made.pauses.append)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()


def context(azure: Azure, **environment: str) -> TaskContext:
    return TaskContext.from_environment(
        {
            "AZ_BATCH_TASK_ID": "7",
            "BATCHMGR_REPORTS_URL": f"{azure.address}/job/batchmgr-reports",
            "BATCHMGR_REPORTS_IDENTITY": IDENTITY,
            **environment,
        }
    )


def test_a_report_is_written_with_the_identity_of_the_pool(azure: Azure) -> None:
    reporter = context(azure).reporter
    reporter.report_progress(0.25, "ein Viertel ✓")
    assert azure.asked_for == [IDENTITY]
    body = json.loads(azure.blobs["/job/batchmgr-reports/7.json"])
    assert (body["fraction"], body["message"]) == (0.25, "ein Viertel ✓")
    assert azure.facts["/job/batchmgr-reports/7.json"]["fraction"] == "0.2500"


def test_the_manifest_is_read_with_the_identity_of_the_pool(azure: Azure) -> None:
    manifest = Manifest.of([FinishedTask(id="1", state="completed", result="success", exit_code=0)])
    azure.blobs["/job/manifest.json"] = manifest.to_json().encode()
    task: FinalizeTask[dict[str, object]] = FinalizeTask(
        {}, context(azure, BATCHMGR_MANIFEST_URL=f"{azure.address}/job/manifest.json")
    )
    assert task.manifest == manifest


def test_a_missing_blob_is_none_and_a_forbidden_one_is_an_error(azure: Azure) -> None:
    assert get_blob(f"{azure.address}/job/none", IDENTITY, 100) is None
    with pytest.raises(OSError, match="401"):
        get_blob(f"{azure.address}/job/none", "/identities/other", 100)


def test_a_node_without_the_identity_does_not_fail_the_task(
    azure: Azure, caplog: pytest.LogCaptureFixture
) -> None:
    reporter = context(azure, BATCHMGR_REPORTS_IDENTITY="/identities/other").reporter
    reporter.report_progress(0.5, "half")
    assert azure.blobs == {}
    assert "401" in caplog.text


@pytest.mark.parametrize(("hours", "requests"), [(24, 1), (1 / 60, 3)])
def test_a_token_is_kept_until_it_is_about_to_end(azure: Azure, hours: float, requests: int) -> None:
    azure.hours = hours
    for _ in range(3):
        assert get_blob(f"{azure.address}/job/none", IDENTITY, 100) is None
    assert azure.asked_for == [IDENTITY] * requests


def test_an_identity_service_that_has_no_time_is_asked_again(azure: Azure) -> None:
    azure.statuses = [429, 404, 500]
    azure.blobs["/job/word"] = b"alpha"
    assert get_blob(f"{azure.address}/job/word", IDENTITY, 100) == b"alpha"
    assert azure.pauses == [1, 2, 4]


@pytest.mark.parametrize(("statuses", "requests"), [([400], 1), ([404] * 4, 4)])
def test_a_node_without_a_token_says_for_which_identity_and_why(
    azure: Azure, statuses: list[int], requests: int
) -> None:
    azure.statuses = list(statuses)
    with pytest.raises(OSError, match=f"no token of the identity {IDENTITY}: {statuses[0]} .*not found"):
        get_blob(f"{azure.address}/job/word", IDENTITY, 100)
    assert len(azure.asked_for) == requests
