"""Stands for Application Insights and for an OTLP endpoint: takes what is exported, and keeps it."""

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

KEY = "00000000-0000-0000-0000-000000000001"


class Receiver:
    """What has arrived. `otlp` has the resource and the names of each log record, span and metric."""

    def __init__(self) -> None:
        self.envelopes: list[dict[str, Any]] = []
        self.otlp: list[tuple[str, str, str]] = []
        self.url = ""
        self.bodies: list[bytes] = []
        """Everything, as it was sent."""

    @property
    def connection_string(self) -> str:
        return f"InstrumentationKey={KEY};IngestionEndpoint={self.url}/;LiveEndpoint={self.url}/"

    def messages(self) -> list[str]:
        """The texts of the log records that Application Insights has got."""
        return [e["data"]["baseData"]["message"] for e in self.envelopes if e["name"].endswith("Message")]

    def kinds(self) -> set[str]:
        return {envelope["data"]["baseType"] for envelope in self.envelopes}

    def roles(self) -> set[str]:
        return {envelope["tags"].get("ai.cloud.role", "") for envelope in self.envelopes}

    def take(self, path: str, body: bytes) -> dict[str, Any]:
        if path.endswith("/v1/logs"):
            for logs in ExportLogsServiceRequest.FromString(body).resource_logs:
                for scope in logs.scope_logs:
                    self._keep("log", logs.resource, [r.body.string_value for r in scope.log_records])
        elif path.endswith("/v1/traces"):
            for spans in ExportTraceServiceRequest.FromString(body).resource_spans:
                for span_scope in spans.scope_spans:
                    self._keep("span", spans.resource, [span.name for span in span_scope.spans])
        elif path.endswith("/v1/metrics"):
            for metrics in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                for metric_scope in metrics.scope_metrics:
                    self._keep("metric", metrics.resource, [metric.name for metric in metric_scope.metrics])
        elif path.endswith("/track"):
            lines = json.loads(body) if body.startswith(b"[") else [json.loads(x) for x in body.splitlines()]
            # The exporter tells of itself with another key.
            mine = [line for line in lines if line.get("iKey") == KEY]
            self.envelopes += [line for line in mine if not line["name"].endswith("Statsbeat")]
            return {"itemsReceived": len(lines), "itemsAccepted": len(lines), "errors": []}
        return {}

    def _keep(self, kind: str, resource: Any, names: list[str]) -> None:
        role = next((a.value.string_value for a in resource.attributes if a.key == "service.name"), "")
        self.otlp += [(kind, role, name) for name in names]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Run a receiver."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            receiver.bodies.append(body)
            answer = receiver.take(self.path, body)
            content = b"" if "/v1/" in self.path else json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
