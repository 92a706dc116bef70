"""Which blob containers a job may name, as containers of its files or in their URLs.

A task reads and writes what its job names, with signatures of batchmgr or with the nodes' identity. So a job
may name neither what batchmgr and the platform keep in the storage account, nor what belongs to another job.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Union
from urllib.parse import unquote, urlsplit

from batchmgr.errors import InvalidJobError
from batchmgr.plan.file_specifications import InputFileSpecification, OutputFileSpecification
from batchmgr.plan.frozen_dataclass import frozen_dataclass
from batchmgr.plan.ids import JOB_CONTAINERS, job_container

RESERVED = {
    "batchmgr-": "batchmgr keeps what it knows of all jobs in such containers",
    "azure-webjobs-": "the Functions host keeps its keys and leases there",
    "app-": "the code of apps and of application packages is there",
    "scm-releases": "the code of the app is there",
    "function-releases": "the code of the app is there",
    "github-actions-deploy": "the code of the app is there",
    "azure-pipelines-deploy": "the code of the app is there",
    "insights-": "Azure Monitor writes its logs there",
    "$": "they belong to Azure Storage: $logs, $root, $web, …",
}
"""How the names of containers begin that no job may use, in no storage account, and why.

Sources: https://learn.microsoft.com/azure/azure-functions/storage-considerations,
https://learn.microsoft.com/azure/batch/batch-application-packages and the deployments of Functions apps by
Azure DevOps and GitHub.
"""

_SERVICES = frozenset({"blob", "dfs", "file", "queue", "table", "web"})
_BLOB_SERVICES = frozenset({"blob", "dfs"})
_ROOT = "$root"
_MOST_ENCODINGS = 5
"""How often a path may be encoded. Storage decodes it once; what stands in between may do so too."""

_File = Union[InputFileSpecification, OutputFileSpecification]


def reserved_problem(container: str) -> str:
    """Return why no job may use a container of this name, and what to do; "" if jobs may.

    >>> reserved_problem("scm-releases")
    "'scm-releases' is reserved: the code of the app is there. Use another container"
    >>> reserved_problem("genomes")
    ''
    """
    for beginning, reason in RESERVED.items():
        if container.startswith(beginning):
            return f"{container!r} is reserved: {reason}. Use another container"
    return ""


@frozen_dataclass
class ContainerRules:
    """What the jobs of one app may name.

    `allowed` are patterns of container names, such as `genomes` or `team-*`. Reserved containers and those of
    other jobs are never allowed, and a job's own container always is. `endpoint` is the URL of batchmgr's
    blob service, such as `https://acct.blob.core.windows.net`; "" if it is not known. `has_data_account`:
    the files of jobs are in another account, so batchmgr's holds no container for them but each job's own.
    """

    allowed: tuple[str, ...] = ("*",)
    endpoint: str = ""
    has_data_account: bool = False

    def file_problems(self, job_id: str, files: Sequence[_File], field: str) -> Iterator[InvalidJobError]:
        """Yield an error for each file whose container this job may not use. `field` is that of the files."""
        for index, file in enumerate(files):
            url = file.http_url if isinstance(file, InputFileSpecification) else ""
            if url:
                reason = self._url_problem(job_id, url, has_identity=bool(file.identity_reference))
                name = "httpUrl"
            else:
                reason = self.container_problem(job_id, file.container_name, file.storage_account_name)
                name = "containerName"
            if reason:
                yield InvalidJobError(reason, field=f"{field}[{index}].{name}")

    def container_problem(self, job_id: str, container: str, account: str = "") -> str:
        """Return why this job may not use a container, and what to do; "" if it may.

        Without a job id: why nobody may bring files to it.
        """
        if job_id and container == job_container(job_id):
            return ""
        reserved = reserved_problem(container)
        if reserved:
            return reserved
        if container.startswith(JOB_CONTAINERS):
            return (
                f"{container!r} belongs to another job, whose tasks alone may use it. Leave containerName "
                "out for this job's own container, or let the jobs share one whose name does not begin with "
                f"{JOB_CONTAINERS}"
            )
        if self.has_data_account and account and account == _account(self.endpoint):
            return (
                f"jobs may not use {container!r} of batchmgr's own storage account, since there is another "
                "for data: leave storageAccountName out, and keep the files there"
            )
        if not any(fnmatchcase(container, pattern) for pattern in self.allowed):
            return (
                f"jobs may not use {container!r} here, but {', '.join(self.allowed)}. Use one of these, or "
                "have its name added to BATCHMGR_CONTAINERS"
            )
        return ""

    def _url_problem(self, job_id: str, url: str, *, has_identity: bool) -> str:
        place = _Place(url, self.endpoint)
        if not place.is_judged(has_identity=has_identity):
            return ""
        own = _account(self.endpoint) if place.is_own else ""
        return place.problem or self.container_problem(job_id, place.container, own)


DEFAULT_RULES = ContainerRules()
"""Whatever is not reserved, and no other job's."""


class _Place:
    """Where in storage a URL leads, as storage reads it: whatever the spelling of its host and its path.

    An emulator has its accounts in the path: `http://127.0.0.1:10000/devstoreaccount1/genomes/lambda.fa`.
    """

    def __init__(self, url: str, endpoint: str) -> None:
        parts, own = urlsplit(url), urlsplit(endpoint)
        self._host, account = _host(parts.hostname), _account(endpoint)
        segments, self._is_plain = _segments(parts.path)
        in_path = bool(own.path.strip("/"))
        is_emulated = in_path and _is_named(_first(segments), account)
        labels = self._host.split(".")
        self._services = _SERVICES.intersection(labels[1:-1])
        is_path_style = is_emulated or (in_path and not self._services)
        self._segments = segments[1:] if is_path_style else segments
        self.is_own = (
            is_emulated
            or (bool(self._services) and _is_named(labels[0], account))
            or (not in_path and self._host == _host(own.hostname))
        )
        """Whether it leads into batchmgr's own account."""

    def is_judged(self, *, has_identity: bool) -> bool:
        """Return whether batchmgr or its nodes would lend their access. Else anybody may read it.

        With an identity every host may be an account's: it may have a domain of its own, or a gateway.
        """
        return self.is_own or has_identity

    @property
    def container(self) -> str:
        """The container's name. A blob at the top of an account is in the container $root."""
        return _first(self._segments) if len(self._segments) > 1 else _ROOT

    @property
    def problem(self) -> str:
        """Why this URL leads to no container, or readers may differ about which; "" if all is clear."""
        if self._services and not self._services & _BLOB_SERVICES:
            return "leads to a part of a storage account that has no blobs: give the URL of a blob"
        if not self._is_plain:
            return "must not hold '.' or '..', a backslash, or two slashes before the container"
        return "" if self._host.isascii() else "must have a host in ASCII"


def chooses_container(beginning: str, *, has_identity: bool = False) -> bool:
    """Return whether what follows this beginning of a URL can choose a host or a container of storage.

    With an identity, each host may be one of storage.

    >>> chooses_container("https://acct.blob.core.windows.net/")
    True
    >>> chooses_container("https://acct.blob.core.windows.net/genomes/"), chooses_container("https://host/")
    (False, False)
    >>> chooses_container("https://host/", has_identity=True)
    True
    """
    slashes = beginning.count("/")
    if slashes < 3:
        return True
    try:
        parts = urlsplit(beginning)
        labels = _host(parts.hostname).split(".")
        has_port = parts.port is not None  # an emulator's: there the account comes before the container
    except ValueError:
        return True
    is_named = bool(_SERVICES.intersection(labels[1:-1]))
    is_unknown = has_identity and not is_named
    return (slashes < 4 and is_named) or (slashes < 5 and (has_port or is_unknown))


def _is_named(name: str, account: str) -> bool:
    """Return whether a name in a URL is that of an account.

    A dash and more may follow: the second region (`acct-secondary`), a route (`acct-internetrouting`,
    `acct-microsoftrouting`), a version of IP (`acct-ipv6`). An account's name in Azure holds no dash.
    """
    return account in {name, name.partition("-")[0]}


def _account(endpoint: str) -> str:
    parts = urlsplit(endpoint)
    return parts.path.strip("/").lower() or _host(parts.hostname).partition(".")[0]


def _host(name: str | None) -> str:
    return unquote(name or "").lower().rstrip(".")


def _first(segments: Sequence[str]) -> str:
    return segments[0].lower() if segments else ""


def _segments(path: str) -> tuple[list[str], bool]:
    """Return the parts of a path, decoded, and whether each reader of the URL sees the same ones."""
    text = path
    for _ in range(_MOST_ENCODINGS):
        decoded = unquote(text)
        if decoded == text:
            break
        text = decoded
    parts = re.split(r"[/\\]+", text.lstrip("/\\"))
    is_plain = "\\" not in text and not text.startswith("//") and not {".", ".."}.intersection(parts)
    return [part for part in parts if part], is_plain
