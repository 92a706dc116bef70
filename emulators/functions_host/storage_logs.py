"""The logs of a storage account (Storage Analytics), in which the real host also looks for new blobs.

This host does not need what they say, since it lists whole containers. It looks at them because their absence
ends the real host.
"""

from datetime import UTC, datetime, timedelta

from azure.storage.blob import BlobAnalyticsLogging, RetentionPolicy
from azure.storage.blob.aio import BlobServiceClient

_CONTAINER = "$logs"
_HOURS = 2
_DAYS = 7


async def enable_logs(blobs: BlobServiceClient) -> None:
    """Let the storage account log what is written to it, for seven days, unless it does so already."""
    present = (await blobs.get_service_properties())["analytics_logging"]
    if not present.write:
        logging = BlobAnalyticsLogging(
            read=present.read,
            delete=present.delete,
            write=True,
            retention_policy=RetentionPolicy(enabled=True, days=_DAYS),
        )
        await blobs.set_service_properties(analytics_logging=logging)


async def look_at_logs(blobs: BlobServiceClient) -> None:
    """List the logs of this hour and the last. Raises ResourceNotFoundError if the account has no logs."""
    container = blobs.get_container_client(_CONTAINER)
    now = datetime.now(UTC)
    for hours in range(_HOURS):
        prefix = f"blob/{now - timedelta(hours=hours):%Y/%m/%d/%H}00"
        async for _ in container.list_blobs(name_starts_with=prefix, include=["metadata"]):
            continue
