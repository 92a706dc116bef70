"""The blob container of a job. Its metadata says which job has it, so that nobody takes another's for it."""

from azure.storage.blob.aio import BlobServiceClient

from batchmgr.adapters.service_errors import create_unless_exists, service_errors
from batchmgr.plan.ids import job_container, job_key

SERVICE = "Blob storage"
OWNER = "batchmgr_job"
"""The name of the metadata item with the job's id, in lower case."""


def taken(job_id: str) -> str:
    """Return what is wrong if the container is not the job's, and what to do."""
    return (
        f"the container {job_container(job_id)!r} is there, but batchmgr did not make it for this job: send "
        "the job with another jobId, or delete the container first"
    )


async def make_job_container(service: BlobServiceClient, job_id: str) -> bool:
    """Make the container of a job unless it exists. Return whether it is this job's."""
    container = service.get_container_client(job_container(job_id))
    with service_errors(SERVICE):
        if await create_unless_exists(container.create_container(metadata={OWNER: job_key(job_id)})):
            return True
    return await has_job_container(service, job_id)


async def has_job_container(service: BlobServiceClient, job_id: str) -> bool:
    """Return whether the container of that name is this job's. Raise ServiceNotFoundError without one."""
    container = service.get_container_client(job_container(job_id))
    with service_errors(SERVICE):
        properties = await container.get_container_properties()
    return (properties.metadata or {}).get(OWNER) == job_key(job_id)
