"""The settings of an app: host.json and local.settings.json, with the host's defaults."""

import hashlib
import json
import os
import platform
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from functions_host.errors import ConfigurationError
from functions_host.timespan import parse_timespan

_CORES = os.cpu_count() or 1
_MAX_BATCH_SIZE = 32
_MAX_INTEGER = 2**31 - 1
_MIN_POLLING_INTERVAL = timedelta(milliseconds=100)


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
    sync_threads: int | None = None
    """Threads for sync functions (PYTHON_THREADPOOL_THREAD_COUNT). None means Python's default."""
    queues: QueueSettings = QueueSettings()
    blobs: BlobSettings = BlobSettings()


def load_host_settings(script_root: Path, environment: Mapping[str, str]) -> HostSettings:
    """Read host.json in `script_root`. Raises ConfigurationError if it is missing or invalid."""
    path = script_root / "host.json"
    document = _read_json(path)
    if document.get("version") != "2.0":
        raise ConfigurationError(f'{path}: "version" must be "2.0"')
    extensions = document.get("extensions", {})
    timeout = document.get("functionTimeout", "00:30:00")
    threads = environment.get("PYTHON_THREADPOOL_THREAD_COUNT")
    try:
        return HostSettings(
            host_id=environment.get("AzureFunctionsWebHost__hostid")
            or document.get("id")
            or default_host_id(script_root),
            route_prefix=extensions.get("http", {}).get("routePrefix", "api").strip("/"),
            function_timeout=None if timeout == "-1" else parse_timespan(timeout),
            sync_threads=int(threads) if threads else None,
            queues=_queue_settings(extensions.get("queues", {}), is_development=is_development(environment)),
            blobs=_blob_settings(extensions.get("blobs", {})),
        )
    except (AttributeError, TypeError, ValueError) as error:
        raise ConfigurationError(f"{path}: {error}") from error


def is_development(environment: Mapping[str, str]) -> bool:
    """Return whether the host runs in the environment Development (AZURE_FUNCTIONS_ENVIRONMENT)."""
    return environment.get("AZURE_FUNCTIONS_ENVIRONMENT", "").lower() == "development"


def default_host_id(script_root: Path) -> str:
    """Return an id made of the machine and the directory of the app. It is the same after a restart."""
    place = f"{platform.node()}:{script_root.resolve()}"
    return hashlib.sha256(place.encode()).hexdigest()[:32]


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


def _queue_settings(section: Mapping[str, Any], *, is_development: bool) -> QueueSettings:
    """Parse `extensions.queues`. Like .NET's configuration, ignore the case of names, and nulls."""
    values = {name.lower(): value for name, value in section.items() if value is not None}
    batch_size = _integer(values, "batchSize", QueueSettings.batch_size, range(1, _MAX_BATCH_SIZE + 1))
    threshold = _integer(values, "newBatchThreshold", batch_size // 2 * _CORES, range(_MAX_INTEGER + 1))
    dequeues = _integer(
        values, "maxDequeueCount", QueueSettings.max_dequeue_count, range(1, _MAX_INTEGER + 1)
    )
    polling = parse_timespan(values.get("maxpollinginterval", "00:00:02" if is_development else "00:01:00"))
    if polling < _MIN_POLLING_INTERVAL:
        raise ValueError("queues.maxPollingInterval must not be less than 100 ms")
    encoding = str(values.get("messageencoding", "base64")).lower()
    if encoding not in ("base64", "none"):
        raise ValueError('queues.messageEncoding must be "base64" or "none"')
    return QueueSettings(
        batch_size=batch_size,
        new_batch_threshold=threshold,
        max_dequeue_count=dequeues,
        visibility_timeout=parse_timespan(values.get("visibilitytimeout", "00:00:00")),
        max_polling_interval=polling,
        base64=encoding == "base64",
    )


def _integer(values: Mapping[str, Any], name: str, default: int, allowed: range) -> int:
    text = str(values.get(name.lower(), default))
    try:
        number = int(text)
    except ValueError as error:
        raise ValueError(f"queues.{name} must be an integer, not {text!r}") from error
    if number not in allowed:
        raise ValueError(f"queues.{name} must be between {allowed[0]} and {allowed[-1]}")
    return number


def _blob_settings(section: Mapping[str, Any]) -> BlobSettings:
    return BlobSettings(
        max_degree_of_parallelism=int(
            section.get("maxDegreeOfParallelism", BlobSettings.max_degree_of_parallelism)
        ),
        poison_blob_threshold=int(section.get("poisonBlobThreshold", BlobSettings.poison_blob_threshold)),
    )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise ConfigurationError(f"{path} is missing") from error
    except ValueError as error:
        raise ConfigurationError(f"{path} is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise ConfigurationError(f"{path} must be a JSON object")
    return document
