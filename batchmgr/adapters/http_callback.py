"""The callback over HTTP: to allowed hosts only, signed by the Standard Webhooks scheme where a key is set.

Source of the scheme: https://www.standardwebhooks.com. The URI is a bearer secret: no error, no log has it.
"""

import base64
import hashlib
import hmac
import time
from collections.abc import Sequence
from fnmatch import fnmatchcase
from ipaddress import ip_address
from urllib.parse import urlsplit

import aiohttp
import msgspec

from batchmgr.adapters.service_errors import service_error
from batchmgr.errors import InvalidJobError, ServiceBusyError
from batchmgr.plan.file_rules import is_web_url
from batchmgr.wire.adf_callback import AdfCallback

SERVICE = "The callback's receiver"
TIMEOUT = aiohttp.ClientTimeout(total=30)


class HttpCallbackSender:
    """The CallbackSender port. `hosts` are names or patterns such as `*.example.com`."""

    def __init__(
        self, session: aiohttp.ClientSession, *, hosts: Sequence[str], allow_loopback: bool, key: bytes
    ) -> None:
        self._session = session
        self._hosts = tuple(host.lower() for host in hosts)
        self._allow_loopback = allow_loopback
        self._key = key

    def check(self, uri: str) -> None:
        """Raise InvalidJobError unless this URI may be called."""
        if not is_web_url(uri):
            raise InvalidJobError("must be an absolute http or https URL", field="callBackUri")
        parts = urlsplit(uri)
        host = (parts.hostname or "").lower()
        if self._allow_loopback and is_loopback(host):
            return
        if not any(fnmatchcase(host, pattern) for pattern in self._hosts):
            raise InvalidJobError(
                f"callbacks to {host!r} are not allowed; add it to BATCHMGR_CALLBACK_HOSTS",
                field="callBackUri",
            )
        if parts.scheme != "https":
            raise InvalidJobError("must be https", field="callBackUri")

    async def send(self, uri: str, body: AdfCallback, webhook_id: str) -> None:
        """POST once, without following redirects. ServiceError unless the answer is a success."""
        content = msgspec.json.encode(body)
        headers = {"Content-Type": "application/json", **self._signed(content, webhook_id)}
        try:
            async with self._session.post(
                uri, data=content, headers=headers, timeout=TIMEOUT, allow_redirects=False
            ) as response:
                text = (await response.content.read(500)).decode(errors="replace")
                retry_after = response.headers.get("Retry-After", "")
        except TimeoutError as error:
            raise ServiceBusyError(f"{SERVICE} did not answer within 30 s", code="Timeout") from error
        except (aiohttp.ClientError, ValueError) as error:
            # Only the kind of error: its text may hold the URI.
            kind = type(error).__name__
            raise ServiceBusyError(f"{SERVICE} can't be reached: {kind}", code=kind) from None
        if response.status >= 300:
            raise service_error(
                SERVICE, status=response.status, code="", message=text, retry_after=retry_after
            )

    def _signed(self, content: bytes, webhook_id: str) -> dict[str, str]:
        timestamp = str(int(time.time()))
        headers = {"webhook-id": webhook_id, "webhook-timestamp": timestamp}
        if self._key:
            signed = b".".join((webhook_id.encode(), timestamp.encode(), content))
            digest = hmac.new(self._key, signed, hashlib.sha256).digest()
            headers["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"
        return headers


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, by its name or address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
