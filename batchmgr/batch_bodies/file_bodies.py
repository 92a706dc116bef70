"""The JSON of a task's resource files and output files."""

from batchmgr.model.container_access import StorageAccess
from batchmgr.plan.file_specifications import InputFileSpecification, OutputFileSpecification

Json = dict[str, object]


def identity(resource_id: str) -> Json:
    """Return the `identityReference` property, or an empty object if there is no resource id."""
    return {"identityReference": {"resourceId": resource_id}} if resource_id else {}


def resource_file(file: InputFileSpecification, access: StorageAccess) -> Json:
    """Return a file, or all files under a prefix, for Azure Batch to download to the node."""
    mode: Json = {"fileMode": file.file_mode} if file.file_mode else {}
    if file.http_url:
        source: Json = {"httpUrl": file.http_url, "filePath": file.target_file_path}
        return {**source, **mode, **identity(file.identity_reference)}
    container = access[file.need]
    if file.is_prefix:
        source = {"storageContainerUrl": container.container_url, "blobPrefix": file.source_blob_path}
    else:
        source = {"httpUrl": container.blob_url(file.source_blob_path)}
    reference = identity(container.identity_reference)
    return {**source, "filePath": file.target_file_path, **mode, **reference}


def output_file(file: OutputFileSpecification, access: StorageAccess) -> Json:
    """Return a file, or a pattern of files, for Azure Batch to upload from the node."""
    container = access[file.need]
    destination: Json = {
        "containerUrl": container.container_url,
        **identity(container.identity_reference),
    }
    path = file.blob_path
    if path:
        destination["path"] = path
    return {
        "filePattern": file.source_file_path,
        "destination": {"container": destination},
        "uploadOptions": {"uploadCondition": file.upload_condition},
    }
