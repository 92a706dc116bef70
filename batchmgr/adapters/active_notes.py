"""What the metadata of a blob of the index of active jobs say of its job."""

import msgspec
from azure.storage.blob import BlobProperties

from batchmgr.errors import NewerLayoutError
from batchmgr.model.active_job import ActiveJob
from batchmgr.wire.json_codec import prepare
from batchmgr.wire.layout import decode_stored, stamp

NOTE = "note"
"""The name of the metadata."""

prepare(ActiveJob)


def write_note(job: ActiveJob) -> dict[str, str]:
    """Return the metadata with what is known of a job. Its `etag` is that of the blob."""
    return {NOTE: stamp(msgspec.json.encode(msgspec.structs.replace(job, etag=""))).decode()}


def read_note(blob: BlobProperties, job_id: str) -> ActiveJob:
    """Return what is known of a job whose blob was listed. A note that can't be read counts as none."""
    try:
        job = decode_stored((blob.metadata or {}).get(NOTE, "").encode(), ActiveJob, NOTE)
    except (msgspec.MsgspecError, NewerLayoutError):
        job = ActiveJob(job_id=job_id)
    return msgspec.structs.replace(job, etag=_quoted(str(blob.etag)))


def _quoted(etag: str) -> str:
    """Return an ETag as a condition needs it. Listings leave the quotes out."""
    return etag if etag.startswith('"') else f'"{etag}"'
