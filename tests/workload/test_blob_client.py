"""A node uses its pool's managed identity for storage: a token of the identity service, and no signature."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

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


def _handler(azure: Azure) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path)
            if path.path == "/metadata/identity/oauth2/token":
                query = {name: values[0] for name, values in parse_qs(path.query).items()}
                assert self.headers["Metadata"] == "true"
                azure.asked_for.append(query["msi_res_id"])
                self._answer(200, json.dumps({"access_token": f"token of {query['msi_res_id']}"}).encode())
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
