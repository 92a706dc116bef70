"""The storage account linked to the Batch account. Tasks name its containers without a URL."""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlencode, urlsplit

_VERSION: Final = "2021-12-02"
_VALID_FOR: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class AutoStorage:
    """A storage account: the URL of its blob service, and its key.

    Without a key, the query of the URL is a SAS that covers the containers.
    """

    blob_endpoint: str
    key: str | None = None

    def container_url(self, container: str) -> str:
        """Return the URL of a container, with the authorization to read it."""
        address, _, signature = self.blob_endpoint.partition("?")
        if self.key is not None:
            signature = self._signature(address, container, self.key)
        return f"{address.rstrip('/')}/{container}" + (f"?{signature}" if signature else "")

    def _signature(self, address: str, container: str, key: str) -> str:
        expiry = (datetime.now(UTC) + _VALID_FOR).strftime("%Y-%m-%dT%H:%M:%SZ")
        parts = urlsplit(address)
        # The storage emulator has the account in the path, the service has it in the host name.
        account = parts.path.strip("/") or str(parts.hostname).partition(".")[0]
        resource = f"/blob/{account}/{container}"
        lines = ["rl", "", expiry, resource, "", "", "", _VERSION, "c", "", "", "", "", "", "", ""]
        digest = hmac.digest(base64.b64decode(key), "\n".join(lines).encode(), hashlib.sha256)
        return urlencode(
            {
                "sv": _VERSION,
                "sr": "c",
                "sp": "rl",
                "se": expiry,
                "sig": base64.b64encode(digest).decode(),
            }
        )
