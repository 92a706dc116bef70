"""The settings of an app: host.json and local.settings.json, with the host's defaults."""

import hashlib
import json
import logging
import os
import platform
import time
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from functions_host import lenient_json
from functions_host.errors import ConfigurationError
from functions_host.host_configuration import HostConfiguration

_CORES = os.cpu_count() or 1
_MAX_BATCH_SIZE = 32
_MAX_INTEGER = 2**31 - 1
_MIN_POLLING_INTERVAL = timedelta(milliseconds=100)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class QueueSettings:
    """The section `extensions.queues` of host.json.

    The defaults are the real host's in Production.
    """

    batch_size: int = 16
    """How many messages are received at once, at most 32."""
    new_batch_threshold: int = 8 * _CORES
    """The next batch is received once no more than this many messages are in flight."""
    max_dequeue_count: int = 5
    """A message that has failed this many times is moved to the poison queue."""
    visibility_timeout: timedelta = timedelta()
    """How long a message stays hidden after it failed."""
    max_polling_interval: timedelta = timedelta(minutes=1)
    """The longest pause between two polls of an empty queue. In Development the default is 2 s."""
    base64: bool = True
    """Whether message bodies are base64 in the queue (`messageEncoding`)."""


@dataclass(frozen=True, kw_only=True)
class BlobSettings:
    """The section `extensions.blobs` of host.json."""

    max_degree_of_parallelism: int = 8 * _CORES
    """How many blobs are in flight at once, over all blob functions."""
    poison_blob_threshold: int = 5
    """A blob whose function has failed this many times is reported to the poison queue."""


@dataclass(frozen=True, kw_only=True)
class HostSettings:
    """The settings of an app from host.json and the environment."""

    host_id: str
    """Part of the names of the app's blobs and queues in the host's own storage."""
    route_prefix: str = "api"
    """The first path segments of each HTTP function. May be empty."""
    function_timeout: timedelta | None = timedelta(minutes=30)
    """How long an invocation may run. None means without limit."""
    sync_threads: int | None = 1000
    """Threads for sync functions (PYTHON_THREADPOOL_THREAD_COUNT). None means Python's default."""
    log_levels: Mapping[str, str] = field(default_factory=dict)
    """The section `logging.logLevel`: the lowest level that is logged, by category."""
    extension_bundle: Mapping[str, str] | None = None
    """The section `extensionBundle`."""
    error: str | None = None
    """What keeps the host from running although its functions can be listed, or None."""
    queues: QueueSettings = QueueSettings()
    blobs: BlobSettings = BlobSettings()


def load_host_settings(script_root: Path, environment: Mapping[str, str]) -> HostSettings:
    """Read host.json in `script_root`. If there is none, or it is empty, it is written with the defaults.

    Raises ConfigurationError if it is invalid.
    """
    path = script_root / "host.json"
    document = _read_json(path) if path.exists() else {}
    if not document:
        document = _write_default_host_json(path)
    if document.get("version") != "2.0":
        raise ConfigurationError(f'{path}: the property "version" must be "2.0"')
    configuration = HostConfiguration(document, environment)
    prefix = configuration.text("extensions:http:routePrefix")
    function_timeout, error = _function_timeout(configuration)
    try:
        return HostSettings(
            host_id=host_id(script_root, environment, document),
            route_prefix="api" if prefix is None else prefix.strip("/"),
            function_timeout=function_timeout,
            sync_threads=_sync_threads(environment),
            log_levels=configuration.section("logging:logLevel"),
            extension_bundle=configuration.section("extensionBundle") or None,
            error=error and f"{path}: {error}",
            queues=_queue_settings(configuration, is_development=is_development(environment)),
            blobs=_blob_settings(configuration),
        )
    except ValueError as error:
        raise ConfigurationError(f"{path}: {error}") from error


def host_id(script_root: Path, environment: Mapping[str, str], document: Mapping[str, Any]) -> str:
    """Return the id of the host: of the environment, of host.json, or of the machine and directory."""
    return (
        environment.get("AzureFunctionsWebHost__hostid") or document.get("id") or default_host_id(script_root)
    )


def is_development(environment: Mapping[str, str]) -> bool:
    """Return whether the host runs in the environment Development (AZURE_FUNCTIONS_ENVIRONMENT)."""
    return environment.get("AZURE_FUNCTIONS_ENVIRONMENT", "").lower() == "development"


def default_host_id(script_root: Path) -> str:
    """Return an id made of the machine and the directory of the app. It is the same after a restart."""
    place = f"{platform.node()}:{script_root.resolve()}"
    return hashlib.sha256(place.encode()).hexdigest()[:32]


def prepare_environment(script_root: Path) -> None:
    """Set the environment variables of an app: those of local.settings.json, and that of its environment."""
    apply_local_settings(script_root, os.environ)
    os.environ.setdefault("AZURE_FUNCTIONS_ENVIRONMENT", "Development")
    if hasattr(time, "tzset"):
        time.tzset()  # local.settings.json may set TZ.


def apply_local_settings(script_root: Path, environment: MutableMapping[str, str]) -> None:
    """Copy `Values` of local.settings.json, if there is one, to `environment`. Existing variables stay.

    Raises ConfigurationError if the file is encrypted. It counts as encrypted unless it has
    `"IsEncrypted": false`.
    """
    path = script_root / "local.settings.json"
    if not path.exists():
        return
    document = _read_json(path)
    if document.get("IsEncrypted", True):
        raise ConfigurationError(f'{path} is encrypted, or does not have "IsEncrypted": false')
    for name, value in (document.get("Values") or {}).items():
        if value is not None:
            environment.setdefault(name, str(value))


def _function_timeout(configuration: HostConfiguration) -> tuple[timedelta | None, str | None]:
    """Return the timeout and, if it is invalid, the error."""
    if configuration.text("functionTimeout") == "-1":
        return None, None
    try:
        return configuration.timespan("functionTimeout", "00:30:00"), None
    except ValueError as error:
        return None, str(error)


def _sync_threads(environment: Mapping[str, str]) -> int | None:
    """Return the number of threads. Without the variable the host sets it; what is no number is ignored."""
    text = environment.get("PYTHON_THREADPOOL_THREAD_COUNT", "1000").strip()
    return int(text) if text.isdecimal() and int(text) > 0 else None


def _queue_settings(configuration: HostConfiguration, *, is_development: bool) -> QueueSettings:
    section, default = "extensions:queues", QueueSettings()
    batch_size = configuration.number(
        f"{section}:batchSize", default.batch_size, at_least=1, at_most=_MAX_BATCH_SIZE
    )
    threshold = configuration.number(
        f"{section}:newBatchThreshold", batch_size // 2 * _CORES, at_most=_MAX_INTEGER
    )
    dequeues = configuration.number(
        f"{section}:maxDequeueCount", default.max_dequeue_count, at_least=1, at_most=_MAX_INTEGER
    )
    polling = configuration.timespan(
        f"{section}:maxPollingInterval", "00:00:02" if is_development else "00:01:00"
    )
    if polling < _MIN_POLLING_INTERVAL:
        raise ValueError("queues.maxPollingInterval must not be less than 100 ms")
    encoding = (configuration.text(f"{section}:messageEncoding") or "base64").lower()
    if encoding not in ("base64", "none"):
        raise ValueError('queues.messageEncoding must be "base64" or "none"')
    return QueueSettings(
        batch_size=batch_size,
        new_batch_threshold=threshold,
        max_dequeue_count=dequeues,
        visibility_timeout=configuration.timespan(f"{section}:visibilityTimeout", "00:00:00"),
        max_polling_interval=polling,
        base64=encoding == "base64",
    )


def _blob_settings(configuration: HostConfiguration) -> BlobSettings:
    section, default = "extensions:blobs", BlobSettings()
    return BlobSettings(
        max_degree_of_parallelism=configuration.number(
            f"{section}:maxDegreeOfParallelism", default.max_degree_of_parallelism, at_least=1
        ),
        poison_blob_threshold=configuration.number(
            f"{section}:poisonBlobThreshold", default.poison_blob_threshold, at_least=1
        ),
    )


def _write_default_host_json(path: Path) -> dict[str, Any]:
    bundle = {"id": "Microsoft.Azure.Functions.ExtensionBundle", "version": "[4.*, 5.0.0)"}
    document = {"version": "2.0", "isDefaultHostConfig": True}
    if not path.exists():
        document["extensionBundle"] = bundle
    try:
        path.write_text(json.dumps(document, indent=2))
    except OSError as error:
        _log.warning("%s cannot be written: %s", path, error)
    return document


def _read_json(path: Path) -> dict[str, Any]:
    try:
        document = lenient_json.parse(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise ConfigurationError(f"{path} is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise ConfigurationError(f"{path} must be a JSON object")
    return document
