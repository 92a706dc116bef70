"""How nodes reach files: grants, and the bodies of resource files and output files."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from batchmgr.plan.file_specifications import ContainerNeed, InputFileSpecification, OutputFileSpecification

Json = dict[str, object]


@dataclass(frozen=True, kw_only=True)
class ContainerGrant:
    """How a node reaches a container: its URL, and either a SAS (`query`, without `?`) or an identity."""

    url: str
    query: str = ""
    identity_reference: str = ""

    def blob_url(self, path: str) -> str:
        """The URL of one blob, signed where the grant is a SAS."""
        return self._signed(f"{self.url}/{quote(path)}")

    @property
    def container_url(self) -> str:
        """The URL of the container, signed where the grant is a SAS."""
        return self._signed(self.url)

    @property
    def identity(self) -> Json:
        """The `identityReference` property, if the grant is an identity."""
        return identity(self.identity_reference)

    def _signed(self, url: str) -> str:
        return f"{url}?{self.query}" if self.query else url


Grants = Mapping[ContainerNeed, ContainerGrant]


def identity(resource_id: str) -> Json:
    """The `identityReference` property; nothing without a resource id."""
    return {"identityReference": {"resourceId": resource_id}} if resource_id else {}


def resource_file(file: InputFileSpecification, grants: Grants) -> Json:
    """A file for Azure Batch to download."""
    mode: Json = {"fileMode": file.file_mode} if file.file_mode else {}
    if file.http_url:
        source: Json = {"httpUrl": file.http_url, "filePath": file.target_file_path}
        return {**source, **mode, **identity(file.identity_reference)}
    grant = grants[file.need]
    if file.is_prefix:
        source = {"storageContainerUrl": grant.container_url, "blobPrefix": file.source_blob_path}
    else:
        source = {"httpUrl": grant.blob_url(file.source_blob_path)}
    return {**source, "filePath": file.target_file_path, **mode, **grant.identity}


def output_file(file: OutputFileSpecification, grants: Grants) -> Json:
    """A file, or a pattern of files, for Azure Batch to upload."""
    grant = grants[file.need]
    container: Json = {"containerUrl": grant.container_url, **grant.identity}
    if file.blob_path:
        container["path"] = file.blob_path
    return {
        "filePattern": file.source_file_path,
        "destination": {"container": container},
        "uploadOptions": {"uploadCondition": file.upload_condition},
    }
