"""The storage account that is linked to the Batch account: containers are named without their address."""

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
    """A storage account: the address of its blob service, and its key or a signature that covers containers.

    The signature, where there is one, is the query of the address.
    """

    blob_endpoint: str
    key: str | None = None

    def container_url(self, container: str) -> str:
        """Return the address of a container, with the authorization to read it."""
        address, _, signature = self.blob_endpoint.partition("?")
        if self.key is not None:
            signature = self._signature(address, container, self.key)
        return f"{address.rstrip('/')}/{container}" + (f"?{signature}" if signature else "")

    def _signature(self, address: str, container: str, key: str) -> str:
        expiry = (datetime.now(UTC) + _VALID_FOR).strftime("%Y-%m-%dT%H:%M:%SZ")
        parts = urlsplit(address)
        # The emulator has the account in the path, the service in the name of the host.
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
