"""The second storage account, in which jobs have their files: whether the app may use it and sign for it."""

from datetime import UTC, datetime, timedelta

from azure.storage.blob.aio import BlobServiceClient

from batchmgr.adapters.service_errors import service_errors
from batchmgr.doctor.check_identity import Caller
from batchmgr.doctor.finding import Finding, fine
from batchmgr.doctor.remedies import STORAGE, Remedies
from batchmgr.doctor.without_access import refused
from batchmgr.errors import ServiceError

CHECK = "data"
ROLE = "Storage Blob Data Contributor"


async def check_data(blobs: BlobServiceClient, caller: Caller, remedies: Remedies) -> list[Finding]:
    """Return what is to be said about the account that `BATCHMGR_DATA_STORAGE` names."""
    account, now = str(blobs.account_name), datetime.now(UTC)
    try:
        with service_errors("Blob storage"):
            async for _ in blobs.list_containers(results_per_page=1):
                break
            if not getattr(blobs.credential, "account_key", ""):
                end = now + timedelta(hours=1)
                await blobs.get_user_delegation_key(key_start_time=now, key_expiry_time=end)
    except ServiceError as error:
        command = remedies.give_role(ROLE, STORAGE, account)
        return [refused(CHECK, error, caller, "read and sign for the files of jobs", command, ROLE)]
    return [fine(CHECK, f"files of jobs that name no account are in {account}, and can be signed for")]
