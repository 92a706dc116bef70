"""A storage account that batchmgr can sign for, with the account's key or with one of the app's identity.

Azure gives the identity a key that lasts seven days at most (user delegation). All jobs share one, which is
renewed every hour: a signature may so last an hour less than the key.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TypedDict

from azure.storage.blob import UserDelegationKey
from azure.storage.blob.aio import BlobServiceClient

from batchmgr.adapters.service_errors import service_errors
from batchmgr.plan.file_specifications import ContainerNeed
from batchmgr.plan.ids import JOB_CONTAINERS

CLOCK_SKEW = timedelta(minutes=15)
"""How far the clocks of the app, of storage and of the nodes may differ."""

RENEWAL = timedelta(hours=1)
LONGEST_KEY = timedelta(days=7) - CLOCK_SKEW
"""Azure allows seven days, by its own clock.

Source: https://learn.microsoft.com/rest/api/storageservices/get-user-delegation-key
"""

LONGEST_SIGNATURE = LONGEST_KEY - RENEWAL
"""How long each signature of a shared key can last."""


OWN_CONTAINERS = (JOB_CONTAINERS, "batchmgr-")
"""How the containers begin that are in batchmgr's own account, wherever the others are."""


class SigningKey(TypedDict):
    """One of the two, as the functions of the client take them."""

    account_key: str | None
    user_delegation_key: UserDelegationKey | None


class SigningAccount:
    """The storage account that this client reaches, and the key for its signatures."""

    def __init__(self, service: BlobServiceClient) -> None:
        self.service = service
        self._account_key: str = getattr(service.credential, "account_key", "")
        self._shared: UserDelegationKey | None = None
        self._asked_at = datetime.min.replace(tzinfo=UTC)
        self._lock = asyncio.Lock()

    @property
    def longest_signature(self) -> timedelta | None:
        """How long signatures can last at most; None for as long as one asks."""
        return None if self._account_key else LONGEST_SIGNATURE

    async def key(self) -> SigningKey:
        """Return the key to sign with. It begins a while ago, since clocks differ."""
        if self._account_key:
            return SigningKey(account_key=self._account_key, user_delegation_key=None)
        async with self._lock:  # many jobs at once need one key
            now = datetime.now(UTC)
            if self._shared is None or not self._asked_at <= now < self._asked_at + RENEWAL:
                with service_errors("Blob storage"):
                    self._shared = await self.service.get_user_delegation_key(
                        key_start_time=now - CLOCK_SKEW, key_expiry_time=now + LONGEST_KEY
                    )
                self._asked_at = now
            return SigningKey(account_key=None, user_delegation_key=self._shared)


def account_of(need: ContainerNeed, own: SigningAccount, data: SigningAccount) -> SigningAccount | None:
    """Return the account of a container; None for one that batchmgr can't sign for."""
    if not need.storage_account_name:
        return own if need.container_name.startswith(OWN_CONTAINERS) else data
    for account in (own, data):
        if need.storage_account_name == account.service.account_name:
            return account
    return None
