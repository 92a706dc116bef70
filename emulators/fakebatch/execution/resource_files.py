"""Download the resource files of a task to its working directory, before it starts."""

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from fakebatch.errors import ResourceFileError, StorageError
from fakebatch.execution.auto_storage import AutoStorage
from fakebatch.execution.blob_storage import BlobStorage, blob_url
from fakebatch.failure_info import FailureInfo

_DEFAULT_MODE: Final = "0770"


async def fetch(
    storage: BlobStorage,
    resource_files: Iterable[Mapping[str, Any]],
    directory: Path,
    auto_storage: AutoStorage | None,
) -> None:
    """Download the resource files of a task to a directory. Raises ResourceFileError."""
    for resource in resource_files:
        mode = int(resource.get("fileMode", _DEFAULT_MODE), 8)
        for url, path in await _sources(storage, resource, auto_storage):
            await _fetch_one(storage, url, _inside(directory, path), mode, _identity(resource))


async def _sources(
    storage: BlobStorage, resource: Mapping[str, Any], auto_storage: AutoStorage | None
) -> list[tuple[str, str]]:
    """Return the URL and the relative path of each file of a resource file entry."""
    if "httpUrl" in resource:
        return [(resource["httpUrl"], resource["filePath"])]
    if "storageContainerUrl" in resource:
        container = resource["storageContainerUrl"]
    elif auto_storage is not None:
        container = auto_storage.container_url(resource["autoStorageContainerName"])
    else:
        raise ResourceFileError(_no_auto_storage(resource["autoStorageContainerName"]))
    folder = resource.get("filePath", "")
    try:
        names = await storage.list_blobs(container, resource.get("blobPrefix", ""), _identity(resource))
    except StorageError as error:
        raise ResourceFileError(_container_failure(container, error)) from error
    return [(blob_url(container, name), f"{folder}/{name}".lstrip("/")) for name in names]


async def _fetch_one(storage: BlobStorage, url: str, target: Path, mode: int, identity: str) -> None:
    try:
        await asyncio.to_thread(target.parent.mkdir, parents=True, exist_ok=True)
        await storage.download(url, target, identity)
        await asyncio.to_thread(target.chmod, mode)
    except StorageError as error:
        raise ResourceFileError(_blob_failure(url, target, error)) from error
    except OSError as error:
        message = "Failed to write one of the specified resource files"
        details = (("FilePath", str(target)), ("Message", str(error)))
        raise ResourceFileError(
            FailureInfo("ResourceFileWriteFailed", message, details, category="ServerError")
        ) from error


def _identity(resource: Mapping[str, Any]) -> str:
    return str(resource.get("identityReference", {}).get("resourceId", ""))


def _inside(directory: Path, path: str) -> Path:
    target = (directory / path).resolve()
    if not target.is_relative_to(directory.resolve()):
        details = (("FilePath", path), ("Message", "The path leaves the working directory of the task"))
        raise ResourceFileError(
            FailureInfo("ResourceFileCreateFailed", "Failed to create one of the resource files", details)
        )
    return target


def _blob_failure(url: str, target: Path, error: StorageError) -> FailureInfo:
    # The query of a URL holds its authorization, so it is not shown to users.
    details = (("BlobSource", url.partition("?")[0]), ("FilePath", target.name), ("Message", str(error)))
    if error.status == 404:
        return FailureInfo("BlobNotFound", "One of the specified Azure Blob(s) was not found", details)
    if error.is_denied:
        return FailureInfo(
            "BlobAccessDenied", "Access for one of the specified Azure Blob(s) is denied", details
        )
    message = "Miscellaneous error encountered while downloading one of the specified Azure Blob(s)"
    return FailureInfo("BlobDownloadMiscError", message, details, category="ServerError")


def _container_failure(url: str, error: StorageError) -> FailureInfo:
    details = (("BlobContainerSource", url.partition("?")[0]), ("Message", str(error)))
    if error.is_denied:
        message = "Access for one of the specified Azure Blob container(s) is denied"
        return FailureInfo("ResourceContainerAccessDenied", message, details)
    message = "Miscellaneous error encountered while listing one of the specified Azure Blob container(s)"
    return FailureInfo("ResourceContainerListMiscError", message, details)


def _no_auto_storage(container: str) -> FailureInfo:
    message = "The Batch account has no storage account linked to it"
    return FailureInfo("ResourceContainerListMiscError", message, (("ContainerName", container),))
