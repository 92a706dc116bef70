"""Settings: read once, at start, from the environment that Azure Functions fills from its app settings.

Each setting is listed in `docs/settings.md`; a test compares.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from batchmgr.errors import SettingsError

STORAGE = "AzureWebJobsStorage"
DEFAULT_CALLBACK_HOSTS = "*.datafactory.azure.com"
BLOB_SOURCES = ("EventGrid", "LogsAndContainerScan")
DEVELOPMENT_STORAGE = (
    "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;"
    "AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;"
    "BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1;QueueEndpoint=http://127.0.0.1:10001/devstoreaccount1;"
)
"""What `UseDevelopmentStorage=true` stands for: Azurite on its default ports, with its published key."""

_WORKLOAD = re.compile(r"(?P<name>[\w-]+)\s*=\s*(?P<target>[^\W\d]\w*(?:\.[^\W\d]\w*)*:[^\W\d]\w*)")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What batchmgr is told by its environment.

    Storage is reached by a connection string, else by the two service URLs and an identity; Azure Batch by a
    key if there is one, else by an identity. Secrets are kept out of `repr`.
    """

    storage_connection_string: str = field(default="", repr=False)
    blob_service_uri: str = ""
    queue_service_uri: str = ""
    identity_client_id: str = ""
    batch_endpoint: str = ""
    batch_account: str = ""
    batch_key: str = field(default="", repr=False)
    default_pool_id: str = ""
    node_identity: str = ""
    blob_source: str = "EventGrid"
    callback_hosts: tuple[str, ...] = ()
    allow_loopback_callbacks: bool = False
    callback_key: bytes = field(default=b"", repr=False)
    telemetry_connection_string: str = field(default="", repr=False)
    workloads: Mapping[str, str] = field(default_factory=dict)
    """Workloads besides the installed packages' own: `package.module:Class` by name."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """The settings in these variables. Raises SettingsError for a value that can't be."""
        storage = environment.get(STORAGE, "").strip()
        account = environment.get(f"{STORAGE}__accountName", "")
        source = environment.get("BATCHMGR_BLOB_SOURCE", "EventGrid")
        if source not in BLOB_SOURCES:
            raise SettingsError(f"BATCHMGR_BLOB_SOURCE is {source!r}; it must be {' or '.join(BLOB_SOURCES)}")
        worker_exports = _is_true(environment.get("PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY", ""))
        # Older workers do so for any value of this one, even "false".
        worker_exports = worker_exports or bool(environment.get("PYTHON_ENABLE_OPENTELEMETRY", ""))
        return cls(
            storage_connection_string=DEVELOPMENT_STORAGE
            if storage == "UseDevelopmentStorage=true"
            else storage,
            blob_service_uri=environment.get(f"{STORAGE}__blobServiceUri", "")
            or _service_uri(account, "blob"),
            queue_service_uri=environment.get(f"{STORAGE}__queueServiceUri", "")
            or _service_uri(account, "queue"),
            identity_client_id=environment.get(f"{STORAGE}__clientId", ""),
            batch_endpoint=_endpoint(environment.get("BATCHMGR_BATCH_ENDPOINT", "")),
            batch_account=environment.get("BATCHMGR_BATCH_ACCOUNT", ""),
            batch_key=environment.get("BATCHMGR_BATCH_KEY", ""),
            default_pool_id=environment.get("BATCHMGR_POOL_ID", ""),
            node_identity=environment.get("BATCHMGR_NODE_IDENTITY", ""),
            blob_source=source,
            callback_hosts=_words(environment.get("BATCHMGR_CALLBACK_HOSTS", DEFAULT_CALLBACK_HOSTS)),
            allow_loopback_callbacks=_is_true(environment.get("BATCHMGR_ALLOW_LOOPBACK_CALLBACKS", "")),
            callback_key=_key(environment.get("BATCHMGR_CALLBACK_KEY", "")),
            # The worker configures Azure Monitor itself where this is set; twice would export twice.
            telemetry_connection_string=""
            if worker_exports
            else environment.get("APPLICATIONINSIGHTS_CONNECTION_STRING", ""),
            workloads=_workloads(environment.get("BATCHMGR_WORKLOADS", "")),
        )

    def check(self) -> None:
        """Raise SettingsError that names the first setting without which nothing works."""
        self.check_storage()
        if not self.batch_endpoint:
            raise SettingsError("set BATCHMGR_BATCH_ENDPOINT to https://<account>.<region>.batch.azure.com")
        if self.batch_key and not self.batch_account:
            raise SettingsError("set BATCHMGR_BATCH_ACCOUNT: BATCHMGR_BATCH_KEY needs the account's name")

    def check_storage(self) -> None:
        """Raise SettingsError that says what to set if there is no storage."""
        if not self.storage_connection_string and not (self.blob_service_uri and self.queue_service_uri):
            raise SettingsError(f"set {STORAGE}, or {STORAGE}__accountName and an identity with access")


def _service_uri(account: str, service: str) -> str:
    return f"https://{account}.{service}.core.windows.net" if account else ""


def _endpoint(text: str) -> str:
    return text.rstrip("/") if "://" in text or not text else f"https://{text.rstrip('/')}"


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _workloads(text: str) -> Mapping[str, str]:
    """Workloads by name, from `name=package.module:Class` separated by commas."""
    found: dict[str, str] = {}
    for word in _words(text):
        match = _WORKLOAD.fullmatch(word)
        if match is None:
            raise SettingsError(f"BATCHMGR_WORKLOADS has {word!r}; each must be name=package.module:Class")
        if match["name"] in found:
            raise SettingsError(
                f"BATCHMGR_WORKLOADS has two workloads named {match['name']!r}; name each once"
            )
        found[match["name"]] = match["target"]
    return found


def _is_true(text: str) -> bool:
    return text.strip().lower() in {"1", "true", "yes"}


def _key(text: str) -> bytes:
    """A Standard Webhooks key: `whsec_` and base64."""
    try:
        return base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except binascii.Error as error:
        raise SettingsError("BATCHMGR_CALLBACK_KEY must be whsec_ and base64") from error
