"""The rules on input and output files: which paths, blobs and containers a task may use.

Paths in job messages and plans are untrusted. They are used on nodes and in storage accounts. So no path may
leave the task's working directory, and no blob name may be one that storage or a URL reads as another name.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from batchmgr.errors import InvalidJobError
from batchmgr.plan.container_rules import reserved_problem
from batchmgr.plan.file_specifications import InputFileSpecification, OutputFileSpecification
from batchmgr.plan.ids import CONTAINER_NAME

UPLOAD_CONDITIONS = ("taskSuccess", "taskFailure", "taskCompletion")
"""When Azure Batch can upload an output file."""

_STANDARD_STREAMS = ("../stdout.txt", "../stderr.txt", "../std*.txt")
_STORAGE_ACCOUNT = re.compile(r"[a-z0-9]{3,24}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DRIVE = re.compile(r"[A-Za-z]:")
_MAX_BLOB_NAME = 1024
_FILE_MODE = re.compile(r"0?[0-7]{3,4}")


def check_input_file(file: InputFileSpecification, *, field: str) -> None:
    """Raise `InvalidJobError` if an input file leaves the working directory or has no usable source.

    `field` is the JSON path of the file, such as `tasks[0].inputFiles[1]`.
    """
    if file.file_mode and not _FILE_MODE.fullmatch(file.file_mode):
        raise InvalidJobError("must be a mode in octal, such as 0770", field=f"{field}.fileMode")
    _check_identity(file.identity_reference, field)
    if not (file.is_prefix and file.target_file_path == ""):
        check_target_file_path(file.target_file_path, field=f"{field}.targetFilePath")
    if not file.http_url:
        path = file.source_blob_path[:-1] if file.is_prefix else file.source_blob_path
        check_blob_path(path, field=f"{field}.sourceBlobPath")
        _check_container(file.container_name, file.storage_account_name, field)
        return
    if file.source_blob_path or file.container_name or file.storage_account_name:
        raise InvalidJobError(
            "give either httpUrl or storageAccountName, containerName and sourceBlobPath, not both",
            field=field,
        )
    if not is_web_url(file.http_url):
        raise InvalidJobError("must be an http or https URL", field=f"{field}.httpUrl")


def check_output_file(file: OutputFileSpecification, *, field: str) -> None:
    """Raise `InvalidJobError` if an output file is outside the task's directories or has no usable blob.

    `field` is the JSON path of the file, such as `tasks[0].outputFiles[1]`.
    """
    _check_identity(file.identity_reference, field)
    check_source_file_path(file.source_file_path, field=f"{field}.sourceFilePath")
    if file.blob_path or not file.is_pattern:
        check_blob_path(file.blob_path, field=f"{field}.targetBlobPath")
    _check_container(file.container_name, file.storage_account_name, field)
    if file.upload_condition not in UPLOAD_CONDITIONS:
        raise InvalidJobError(
            f"must be one of {', '.join(UPLOAD_CONDITIONS)}", field=f"{field}.uploadCondition"
        )


def check_target_file_path(path: str, *, field: str) -> None:
    """Raise `InvalidJobError` if a path for a downloaded file is not below the working directory."""
    _check_relative(path, field)


def check_source_file_path(path: str, *, field: str) -> None:
    """Raise `InvalidJobError` if a path or pattern is neither below the working directory nor a stream."""
    if path not in _STANDARD_STREAMS:
        _check_relative(path, field)


def check_blob_path(path: str, *, field: str) -> None:
    """Raise `InvalidJobError` if a blob name is too long, or if storage or a URL reads it as another one."""
    _check_relative(path, field)
    if len(path) > _MAX_BLOB_NAME:
        raise InvalidJobError(
            f"a blob name may have at most {_MAX_BLOB_NAME} characters, not {len(path)}", field=field
        )


def check_container_name(container: str, *, field: str) -> None:
    """Raise `InvalidJobError` if a container can't have this name, or if no job may use one of this name."""
    reserved = reserved_problem(container)
    if reserved:
        raise InvalidJobError(reserved, field=field)
    if not (3 <= len(container) <= 63 and CONTAINER_NAME.fullmatch(container)):
        raise InvalidJobError(
            f"must be a blob container's name (3 to 63 of a-z, 0-9 and single dashes), not {container!r}",
            field=field,
        )


def _check_relative(path: str, field: str) -> None:
    if not path:
        raise InvalidJobError("must not be empty", field=field)
    if _CONTROL.search(path) or "\\" in path:
        raise InvalidJobError(f"must not hold control characters or backslashes: {path!r}", field=field)
    if path.startswith("/") or _DRIVE.match(path):
        raise InvalidJobError(f"must be relative, without a leading / or a drive: {path!r}", field=field)
    if any(part in ("", ".", "..") for part in path.split("/")):
        raise InvalidJobError(f"must not hold empty parts, '.' or '..': {path!r}", field=field)


def is_resource_id(text: str) -> bool:
    """Return whether this can be the resource id of an Azure resource, which is a path."""
    return text.startswith("/") and not _CONTROL.search(text) and " " not in text


def _check_identity(reference: str, field: str) -> None:
    if reference and not is_resource_id(reference):
        raise InvalidJobError(
            "must be the resource id of a managed identity (/subscriptions/…/userAssignedIdentities/…), "
            f"not its name or client id: {reference!r}",
            field=f"{field}.identityReference",
        )


def _check_container(container: str, account: str, field: str) -> None:
    check_container_name(container, field=f"{field}.containerName")
    if account and not _STORAGE_ACCOUNT.fullmatch(account):
        raise InvalidJobError(
            f"must be a storage account's name (3 to 24 of a-z and 0-9), not {account!r}",
            field=f"{field}.storageAccountName",
        )


def is_web_url(text: str) -> bool:
    """Return whether this is an absolute http or https URL."""
    if _CONTROL.search(text) or " " in text:
        return False
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)
