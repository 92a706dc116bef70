"""Storage requests and runs of functions as lines of text in which nothing depends on chance."""

import base64
import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from xml.sax.saxutils import unescape

from tests.functions_host.recordings.host_process import FunctionEvent
from tests.functions_host.recordings.storage_proxy import StorageRequest

_QUERY = (
    "numofmessages",
    "visibilitytimeout",
    "messagettl",
    "peekonly",
    "restype",
    "comp",
    "prefix",
    "include",
    "maxresults",
)
_HEADERS = ("x-ms-lease-action", "x-ms-lease-duration", "if-match", "if-none-match")
_FIELDS = ("body", "dequeueCount", "path", "length", "attempt", "isPastDue")
_BLOB_QUEUE = "azure-webjobs-blobtrigger"
_GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_ETAG = re.compile(r'(\\?)("?)0x[0-9A-F]{8,}\\?"?')
_NUMBERED_BLOB = re.compile(r"\bb\d\d\d\.json")


def masked(text: str) -> str:
    """Replace ETags and GUIDs by ETAG and GUID."""
    return _GUID.sub("GUID", _ETAG.sub(r"\1\2ETAG\1\2", text))


def numbered_blobs_alike(text: str) -> str:
    """Replace b000.json, b001.json and so on by bNNN.json."""
    return _NUMBERED_BLOB.sub("bNNN.json", text)


def readable(content: str) -> str:
    """Return the text of a message; base64 that holds text becomes `base64 of TEXT`."""
    try:
        text = base64.b64decode(content, validate=True).decode()
        if text.startswith("{"):
            document = json.dumps(json.loads(text), ensure_ascii=False)
            return f"base64 of JSON on {len(text.splitlines())} lines: {masked(document)}"
    except ValueError:
        return masked(content)
    return f"base64 of {masked(text)}" if text and text.isprintable() else content


@dataclass(frozen=True, kw_only=True)
class Transcript:
    """What one scenario's hosts and functions did."""

    requests: Iterable[StorageRequest]
    events: Iterable[FunctionEvent]
    account: str
    message_names: dict[str, str]
    """`m1`, `m2` for the ids of messages that the scenario sent."""
    names_hosts: bool
    """Whether lines tell hosts apart."""
    receipts: bool
    """Whether the way of a blob to its function is told in full, not only its beginning and end."""

    def timeline(self) -> list[str]:
        """Return all requests that matter, and all runs, in their order."""
        return [line for _, line in self._rows()]

    def counts(self) -> dict[str, int]:
        """Return how often each line came. Fetches are left out: how many messages one gets is chance."""
        lines = [re.sub(r"^\[\w\] ", "", line) for line in self.timeline() if not _is_fetch(line)]
        return dict(Counter(re.sub(r"\bm\d+\b", "ID", numbered_blobs_alike(line)) for line in lines))

    def background(self) -> list[str]:
        """Return the requests that come at any time: polls without an answer, locks, listings."""
        lines = {self._request_line(request) for request in self.requests if self._is_background(request)}
        return sorted({numbered_blobs_alike(line) for line in lines})

    def _rows(self) -> list[tuple[float, str]]:
        rows = [(r.at, self._request_line(r)) for r in self.requests if not self._is_background(r)]
        rows += [(event.at, self._event_line(event)) for event in self.events]
        return sorted(rows, key=lambda row: row[0])

    def _event_line(self, event: FunctionEvent) -> str:
        host = f"[{event.host}] " if self.names_hosts else ""
        if event.event == "end":
            return f"{host}END {event.function} {event.fields['outcome']}"
        shown = {name: event.fields[name] for name in _FIELDS if event.fields.get(name) is not None}
        facts = [f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in shown.items()]
        return " ".join([f"{host}START {event.function}", *facts])

    def _request_line(self, request: StorageRequest) -> str:
        headers = {name: masked(value) for name, value in request.headers.items()}
        parts = [request.method, self._path(request)]
        parts += [f"{name}={request.query[name]}" for name in _QUERY if request.query.get(name)]
        parts += [f"{name}: {headers[name]}" for name in _HEADERS if name in headers]
        parts += [f"{name}: {value}" for name, value in headers.items() if name.startswith("x-ms-meta-")]
        return f"{' '.join(parts)} -> {request.status}{_detail(request)}"

    def _path(self, request: StorageRequest) -> str:
        path = request.path.replace(self.account, "ACCOUNT")
        if request.service == "queue":
            start, slash, message = path.partition("/messages/")
            if message:
                path = start + slash + self.message_names.get(message, "ID")
        return masked(path) or "(account)"

    def _is_background(self, request: StorageRequest) -> bool:
        if request.service == "queue" and request.method == "GET":
            return not (request.path.endswith("/messages") and request.received)
        if not self.receipts and _concerns_receipts(request):
            return True
        return request.service == "blob" and (_concerns_locks(request) or _lists(request))


def _detail(request: StorageRequest) -> str:
    """Return how many messages a fetch got, or the text of a message that is sent."""
    if request.service != "queue":
        return ""
    if request.method == "GET" and request.path.endswith("/messages") and request.status == 200:
        count = len(request.received)
        return f" ({count or 'no'} message{'' if count == 1 else 's'})"
    if request.method == "POST":
        found = re.search(rb"<MessageText>(.*?)</MessageText>", request.body, re.S)
        return f", text: {readable(unescape(found[1].decode())) if found else ''}"
    return ""


def _concerns_receipts(request: StorageRequest) -> bool:
    creates_queue = request.method == "PUT" and "/messages/" not in request.path
    own_queue = _BLOB_QUEUE in request.path and (request.status == 404 or creates_queue)
    container = request.query.get("restype") == "container"
    return own_queue or container or request.method == "HEAD" or "/blobreceipts/" in request.path


def _concerns_locks(request: StorageRequest) -> bool:
    return "/locks/" in request.path or request.headers.get("x-ms-lease-action") in ("acquire", "renew")


def _lists(request: StorageRequest) -> bool:
    logs_or_account = request.path.startswith("$logs") or not request.path
    return logs_or_account or request.query.get("comp") == "list" or request.query.get("restype") == "service"


def _is_fetch(line: str) -> bool:
    return line.startswith("GET") and line.endswith(("message)", "messages)"))
