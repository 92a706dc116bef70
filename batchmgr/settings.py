"""Settings: read once, at start, from environment variables. Azure Functions sets them from the app settings.

`docs/settings.md` documents every setting.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlsplit

import msgspec

from batchmgr.adapters.telemetry import Exporter, TelemetryOptions
from batchmgr.errors import SettingsError
from batchmgr.model.callback_rules import HTTPS, CallbackRules
from batchmgr.model.network_addresses import Network, private_network
from batchmgr.model.request_limits import BODY_LIMIT
from batchmgr.model.retention import LONGEST, Retention
from batchmgr.plan.container_rules import reserved_problem

STORAGE = "AzureWebJobsStorage"
SCHEDULE = "BATCHMGR_POLL_SCHEDULE"
DEFAULT_CALLBACK_HOSTS = "*.datafactory.azure.com"
BLOB_SOURCES = ("EventGrid", "LogsAndContainerScan")
MIB = 1024 * 1024
CALLBACK_ATTEMPTS = 10
RETENTION_SCHEDULE = "0 30 3 * * *"
KEEP = Retention()
FOREVER = "forever"
KEEP_STREAMS = {"failed": "taskFailure", "all": "taskCompletion", "none": ""}
DEVELOPMENT_STORAGE = (
    "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;"
    "AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;"
    "BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1;QueueEndpoint=http://127.0.0.1:10001/devstoreaccount1;"
)
"""The meaning of `UseDevelopmentStorage=true`: Azurite on its default ports, with its published key."""

_CONTAINERS = re.compile(r"[a-z0-9*-]+")
_WORKLOAD = re.compile(r"(?P<name>[\w-]+)\s*=\s*(?P<target>[^\W\d]\w*(?:\.[^\W\d]\w*)*:[^\W\d]\w*)")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of batchmgr.

    Storage is accessed with a connection string, or else with the two service URIs and an identity. Azure
    Batch is accessed with a key, or else with an identity. `repr` shows no secrets.
    """

    storage_connection_string: str = field(default="", repr=False)
    blob_service_uri: str = ""
    queue_service_uri: str = ""
    identity_client_id: str = ""
    data_connection_string: str = field(default="", repr=False)
    data_service_uri: str = ""
    """The blob service of the storage account for data; "" if data is in batchmgr's own account."""
    batch_endpoint: str = ""
    batch_account: str = ""
    batch_key: str = field(default="", repr=False)
    default_pool_id: str = ""
    node_identity: str = ""
    containers: tuple[str, ...] = ("*",)
    """Patterns of the containers that jobs may name."""
    stall_limit: timedelta | None = None
    keep: Retention = Retention()  # noqa: RUF009 - it is frozen
    retention_schedule: str = RETENTION_SCHEDULE
    keep_streams: str = "taskFailure"
    """After which end of a task its stdout and stderr are kept, as Azure Batch names it."""
    fair_share: str = ""
    """The metadata key of the callers that take turns in the line."""
    prices: str = ""
    """Where the table of prices is."""
    event_topic: str = ""
    """The endpoint of the Event Grid topic that events are sent to as well."""
    blob_source: str = "EventGrid"
    body_limit: int = BODY_LIMIT
    """How many bytes the body of an HTTP request may have."""
    callback_hosts: tuple[str, ...] = ()
    callback_ports: tuple[int, ...] = (HTTPS,)
    callback_networks: tuple[Network, ...] = ()
    """Private networks that receivers may be in."""
    allow_loopback_callbacks: bool = False
    callback_key: bytes = field(default=b"", repr=False)
    callback_attempts: int = CALLBACK_ATTEMPTS
    """After how many attempts a callback is given up."""
    telemetry: TelemetryOptions = field(default_factory=TelemetryOptions)
    workloads: Mapping[str, str] = field(default_factory=dict)
    """Workloads besides those of installed packages: `package.module:Class`, by name."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Return the settings in these variables. Raise SettingsError for an invalid value."""
        storage = environment.get(STORAGE, "").strip()
        account = environment.get(f"{STORAGE}__accountName", "")
        data = environment.get("BATCHMGR_DATA_STORAGE", "").strip()
        source = environment.get("BATCHMGR_BLOB_SOURCE", "EventGrid")
        if source not in BLOB_SOURCES:
            raise SettingsError(f"BATCHMGR_BLOB_SOURCE is {source!r}: set it to {' or '.join(BLOB_SOURCES)}")
        return cls(
            storage_connection_string=DEVELOPMENT_STORAGE
            if storage == "UseDevelopmentStorage=true"
            else storage,
            blob_service_uri=environment.get(f"{STORAGE}__blobServiceUri", "")
            or _service_uri(account, "blob"),
            queue_service_uri=environment.get(f"{STORAGE}__queueServiceUri", "")
            or _service_uri(account, "queue"),
            identity_client_id=environment.get(f"{STORAGE}__clientId", ""),
            data_connection_string=data if "=" in data else "",
            data_service_uri="" if "=" in data else data if "://" in data else _service_uri(data, "blob"),
            batch_endpoint=_endpoint(environment.get("BATCHMGR_BATCH_ENDPOINT", "")),
            batch_account=environment.get("BATCHMGR_BATCH_ACCOUNT", ""),
            batch_key=environment.get("BATCHMGR_BATCH_KEY", ""),
            default_pool_id=environment.get("BATCHMGR_POOL_ID", ""),
            node_identity=environment.get("BATCHMGR_NODE_IDENTITY", ""),
            containers=_containers(environment.get("BATCHMGR_CONTAINERS", "")),
            stall_limit=_duration("BATCHMGR_STALL_LIMIT", environment),
            keep=Retention(
                batch_jobs=_time_to_keep("BATCHMGR_KEEP_BATCH_JOBS", environment, KEEP.batch_jobs),
                jobs=_time_to_keep("BATCHMGR_KEEP_JOBS", environment, KEEP.jobs),
                messages=_time_to_keep("BATCHMGR_KEEP_MESSAGES", environment, KEEP.messages),
            ),
            retention_schedule=environment.get("BATCHMGR_RETENTION_SCHEDULE", "").strip()
            or RETENTION_SCHEDULE,
            keep_streams=_choice("BATCHMGR_KEEP_TASK_FILES", environment, KEEP_STREAMS, "failed"),
            fair_share=environment.get("BATCHMGR_FAIR_SHARE", "").strip(),
            prices=environment.get("BATCHMGR_PRICES", "").strip(),
            event_topic=_event_topic(environment.get("BATCHMGR_EVENT_TOPIC", "").strip()),
            blob_source=source,
            body_limit=_number("BATCHMGR_BODY_LIMIT_MIB", environment, BODY_LIMIT // MIB, 95) * MIB,
            callback_hosts=_words(environment.get("BATCHMGR_CALLBACK_HOSTS", DEFAULT_CALLBACK_HOSTS)),
            callback_ports=_ports(environment.get("BATCHMGR_CALLBACK_PORTS", "") or str(HTTPS)),
            callback_networks=_networks(environment.get("BATCHMGR_CALLBACK_NETWORKS", "")),
            allow_loopback_callbacks=_is_true(environment.get("BATCHMGR_ALLOW_LOOPBACK_CALLBACKS", "")),
            callback_key=_key(environment.get("BATCHMGR_CALLBACK_KEY", "")),
            callback_attempts=_number("BATCHMGR_CALLBACK_ATTEMPTS", environment, CALLBACK_ATTEMPTS, 10),
            telemetry=telemetry_options(environment),
            workloads=_workloads(environment.get("BATCHMGR_WORKLOADS", "")),
        )

    @property
    def callback_rules(self) -> CallbackRules:
        """Whom the app may call back."""
        return CallbackRules(
            hosts=self.callback_hosts,
            ports=self.callback_ports,
            networks=self.callback_networks,
            allow_loopback=self.allow_loopback_callbacks,
        )

    def check(self) -> None:
        """Raise SettingsError for the first required setting that is missing. It says what to set."""
        self.check_storage()
        if not self.batch_endpoint:
            raise SettingsError(
                "no Batch account is configured: set BATCHMGR_BATCH_ENDPOINT to "
                "https://<account>.<region>.batch.azure.com"
            )
        if self.batch_key and not self.batch_account:
            raise SettingsError(
                "BATCHMGR_BATCH_KEY is set, but BATCHMGR_BATCH_ACCOUNT is not: set it to the account's name"
            )

    def check_storage(self) -> None:
        """Raise SettingsError if no storage is configured. It says what to set."""
        if not self.storage_connection_string and not (self.blob_service_uri and self.queue_service_uri):
            raise SettingsError(
                f"set {STORAGE} to a connection string, or set {STORAGE}__accountName to use an identity"
            )


def telemetry_options(environment: Mapping[str, str]) -> TelemetryOptions:
    """Return who exports telemetry, and where to. Raise nothing: also wrong settings are to be told."""
    exporter = Exporter.HOST
    if _is_true(environment.get("PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY", "")):
        exporter = Exporter.WORKER
    elif _is_true(environment.get("PYTHON_ENABLE_OPENTELEMETRY", "")):
        exporter = Exporter.BATCHMGR
    return TelemetryOptions(
        exporter=exporter,
        connection_string=environment.get("APPLICATIONINSIGHTS_CONNECTION_STRING", "").strip(),
        has_otlp=bool(environment.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").strip()),
        role_name=environment.get("WEBSITE_SITE_NAME", "") or "batchmgr",
    )


def _service_uri(account: str, service: str) -> str:
    return f"https://{account}.{service}.core.windows.net" if account else ""


def _endpoint(text: str) -> str:
    return text.rstrip("/") if "://" in text or not text else f"https://{text.rstrip('/')}"


def _event_topic(text: str) -> str:
    parts = urlsplit(text)
    if text and not (parts.scheme == "https" and parts.hostname and parts.path == "/api/events"):
        raise SettingsError(
            "BATCHMGR_EVENT_TOPIC must be the endpoint of a topic, as the portal shows it: "
            "https://<topic>.<region>-1.eventgrid.azure.net/api/events"
        )
    return text


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _ports(text: str) -> tuple[int, ...]:
    words = _words(text)
    if not all(word.isascii() and word.isdigit() and 1 <= int(word[:6]) <= 65535 for word in words):
        raise SettingsError(f"BATCHMGR_CALLBACK_PORTS is {text!r}: set it to ports, such as 443,8443")
    return tuple(int(word) for word in words)


def _networks(text: str) -> tuple[Network, ...]:
    try:
        return tuple(private_network(word) for word in _words(text))
    except ValueError as error:
        raise SettingsError(f"BATCHMGR_CALLBACK_NETWORKS has {error}") from error


def _workloads(text: str) -> Mapping[str, str]:
    """Return workloads by name, from items such as `name=package.module:Class`, separated by commas."""
    found: dict[str, str] = {}
    for word in _words(text):
        match = _WORKLOAD.fullmatch(word)
        if match is None:
            raise SettingsError(
                f"BATCHMGR_WORKLOADS has {word!r}: write each workload as name=package.module:Class"
            )
        if match["name"] in found:
            raise SettingsError(f"BATCHMGR_WORKLOADS has two workloads named {match['name']!r}: rename one")
        found[match["name"]] = match["target"]
    return found


def _containers(text: str) -> tuple[str, ...]:
    patterns = _words(text) or ("*",)
    for pattern in patterns:
        if not _CONTAINERS.fullmatch(pattern):
            raise SettingsError(
                f"BATCHMGR_CONTAINERS has {pattern!r}: write names of a-z, 0-9 and -, with * for any text"
            )
        if reason := reserved_problem(pattern):
            raise SettingsError(f"BATCHMGR_CONTAINERS can't allow it: {reason}")
    return patterns


def _number(name: str, environment: Mapping[str, str], default: int, most: int) -> int:
    """Return a whole number from 1 to `most`."""
    text = environment.get(name, "")
    if not text.strip():
        return default
    if not (text.strip().isascii() and text.strip().isdigit() and 1 <= int(text) <= most):
        raise SettingsError(f"{name} is {text!r}: set it to a whole number from 1 to {most}")
    return int(text)


def _choice(name: str, environment: Mapping[str, str], choices: Mapping[str, str], default: str) -> str:
    """Return what one of a few words stands for."""
    text = environment.get(name, "").strip() or default
    if text not in choices:
        raise SettingsError(f"{name} is {text!r}: set it to {' or '.join(choices)}")
    return choices[text]


def _is_true(text: str) -> bool:
    return text.strip().lower() in {"1", "true", "t", "yes", "y"}  # as the Functions worker has it


def _duration(name: str, environment: Mapping[str, str]) -> timedelta | None:
    text = environment.get(name, "").strip()
    if not text:
        return None
    try:
        duration = msgspec.convert(text, timedelta)
    except msgspec.ValidationError:
        duration = timedelta(0)
    if duration <= timedelta(0):
        raise SettingsError(
            f"{name} is {text!r}: set it to an ISO 8601 duration, such as PT6H, or to nothing"
        )
    return duration


def _time_to_keep(name: str, environment: Mapping[str, str], default: timedelta | None) -> timedelta | None:
    """Return how long something is kept; None for ever."""
    text = environment.get(name, "").strip()
    if text.lower() == FOREVER:
        return None
    try:
        time = _duration(name, environment)
    except SettingsError:
        time = timedelta.max
    if time is not None and time > LONGEST:
        raise SettingsError(
            f"{name} is {text!r}: set it to an ISO 8601 duration, such as P30D, or to {FOREVER}"
        )
    return default if time is None else time


def _key(text: str) -> bytes:
    """Return a Standard Webhooks key, which is written as `whsec_` and base64."""
    try:
        return base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except binascii.Error as error:
        raise SettingsError(
            "BATCHMGR_CALLBACK_KEY is not a Standard Webhooks key: set it to whsec_ followed by base64"
        ) from error
