"""A stand-in of Azure for the hooks, over HTTP: Resource Manager, and the app that was deployed.

It does what the hooks depend on: the app starts after some calls, then lists its functions and has its key;
Event Grid calls the webhook when a subscription is written; each call can be told to fail.
"""

import json
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

GROUP = "/subscriptions/s/resourceGroups/g/providers"
APP = f"{GROUP}/Microsoft.Web/sites/func-x"
TOPIC = f"{GROUP}/Microsoft.EventGrid/systemTopics/evgt-x"
VAULT = f"{GROUP}/Microsoft.KeyVault/vaults/kv-x"
SUBSCRIPTION = f"{TOPIC}/eventSubscriptions/batchmgr-finalize"
SECRET = f"{VAULT}/secrets/callback-key"
TOKEN = "a-token"

Answer = tuple[int, object]


@dataclass
class Azure:
    """What there is, and what was called. `faults` are answers that come first, by method and path."""

    url: str = ""
    functions: tuple[str, ...] = ("submit_job", "poll_jobs", "finalize_job")
    starts_after: int = 0
    """How many health checks the app needs until it runs."""
    key: str = "k/e+y="
    key_after: int = 0
    """How often the keys of an app that runs are listed without that of the webhook."""
    health: Answer = (200, {"status": "healthy"})
    handshakes_refused: int = 0
    first_state: str = "Creating"
    """The state of a subscription until it is asked for."""
    subscription: dict[str, Any] | None = None
    secret: dict[str, Any] | None = None
    faults: dict[str, deque[tuple[int, dict[str, str]]]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    def fail(self, call: str, *statuses: int, headers: dict[str, str] | None = None) -> None:
        """Answer the next calls, such as `GET /…/functions`, with these statuses."""
        self.faults[call] = deque((status, headers or {}) for status in statuses)

    @property
    def runs(self) -> bool:
        """Return whether the app has started."""
        return self.calls.count("GET /api/health") >= self.starts_after

    def answer(self, method: str, path: str, body: dict[str, Any], function_key: str) -> Answer:
        """Return status and JSON of one call."""
        match method, path:
            case "GET", "/api/health":
                told = {"status": self.health[1]["status"]} if isinstance(self.health[1], dict) else {}
                return (self.health[0], told) if self.runs else (503, "starting")
            case "GET", "/api/health/details":
                return self.health if function_key == "f" else (401, None)
            case "GET", p if p == f"{APP}/functions":
                names = self.functions if self.runs else ()
                return 200, {"value": [{"name": f"func-x/{name}"} for name in names]}
            case "POST", p if p == f"{APP}/host/default/listkeys":
                if not self.runs:
                    return 400, {"error": {"code": "BadRequest", "message": "the host is not running"}}
                if self.key_after:
                    self.key_after -= 1
                    return 200, {"masterKey": "m", "systemKeys": {} if self.key_after % 2 else None}
                keys = {"systemKeys": {"blobs_extension": self.key}, "functionKeys": {"default": "f"}}
                return 200, {"masterKey": "m", **keys}
            case "POST", p if p == f"{APP}/config/configreferences/appsettings/refresh":
                return 200, None
            case "GET", p if p == SUBSCRIPTION:
                return self._shown()
            case "PUT", p if p == SUBSCRIPTION:
                return self._subscribe(body)
            case "POST", p if p == f"{SUBSCRIPTION}/getFullUrl" and self.subscription:
                return 200, {"endpointUrl": self.subscription["destination"]["properties"]["endpointUrl"]}
            case "GET", p if p == SECRET:
                return (200, {"properties": {}}) if self.secret else _NOT_FOUND
            case "PUT", p if p == SECRET:
                self.secret = body["properties"]
                return 200, {"properties": {}}
        return _NOT_FOUND

    def _shown(self) -> Answer:
        if self.subscription is None:
            return _NOT_FOUND
        properties = {**self.subscription, "destination": {"endpointType": "WebHook", "properties": {}}}
        self.subscription["provisioningState"] = "Succeeded"  # when it is asked for the next time
        return 200, {"properties": properties}

    def _subscribe(self, body: dict[str, Any]) -> Answer:
        url = urlsplit(body["properties"]["destination"]["properties"]["endpointUrl"])
        code = parse_qs(url.query).get("code", [""])[0]
        if self.handshakes_refused or not self.runs or code != self.key:
            self.handshakes_refused = max(self.handshakes_refused - 1, 0)
            told = f"Webhook validation handshake failed for {url.geturl()}"
            return 400, {"error": {"code": "Url validation", "message": told}}
        self.subscription = {**body["properties"], "provisioningState": self.first_state}
        return 201, {"properties": self.subscription}


_NOT_FOUND: Answer = (404, {"error": {"code": "ResourceNotFound", "message": "not there"}})


@contextmanager
def running(azure: Azure) -> Iterator[Azure]:
    """Serve it, and set its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do(self) -> None:
            target = urlsplit(self.path)
            call = f"{self.command} {target.path}"
            azure.calls.append(call)
            text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            is_app = target.path.startswith("/api/")
            headers: dict[str, str] = {}
            if azure.faults.get(call):
                status, headers = azure.faults[call].popleft()
                found: object = {"error": {"code": "Fault", "message": "made by the test"}}
            elif not is_app and self.headers.get("Authorization") != f"Bearer {TOKEN}":
                status, found = 401, {"error": {"code": "Unauthorized", "message": "no token"}}
            elif not is_app and "api-version" not in parse_qs(target.query):
                status, found = 400, {"error": {"code": "MissingApiVersionParameter", "message": ""}}
            else:
                key = self.headers.get("x-functions-key", "")
                status, found = azure.answer(self.command, target.path, json.loads(text) if text else {}, key)
            content = b"" if found is None else json.dumps(found).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_POST = do  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        azure.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield azure
        finally:
            server.shutdown()
            thread.join()
