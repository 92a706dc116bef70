"""The callback over HTTP: to allowed hosts only, and signed if a key is set.

The signature follows the Standard Webhooks scheme. Source: https://www.standardwebhooks.com. The URI is a
secret, because whoever knows it can end the pipeline's activity: it appears in no error and no log.
"""

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from fnmatch import fnmatchcase
from ipaddress import ip_address
from urllib.parse import urlsplit

import aiohttp
import msgspec

from batchmgr.adapters.service_errors import service_error
from batchmgr.errors import InvalidJobError, ServiceBusyError
from batchmgr.model.telemetry_names import CALLBACK, METHOD, SERVER
from batchmgr.model.traceparent import HEADER
from batchmgr.plan.file_rules import is_web_url
from batchmgr.telemetry_port import NoTelemetry, Telemetry
from batchmgr.wire.adf_callback import AdfCallback

SERVICE = "The receiver of the callback"


class HttpCallbackSender:
    """The CallbackSender port. `hosts` are the allowed hosts: names, or patterns such as `*.example.com`."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        hosts: Sequence[str],
        allow_loopback: bool,
        key: bytes,
        telemetry: Telemetry | None = None,
    ) -> None:
        self._session = session
        self._hosts = tuple(host.lower() for host in hosts)
        self._allow_loopback = allow_loopback
        self._key = key
        self._telemetry = telemetry or NoTelemetry()

    def check(self, uri: str) -> None:
        """Raise InvalidJobError, which says why, if batchmgr may not call this URI."""
        if not is_web_url(uri):
            raise InvalidJobError("must be an absolute http or https URL", field="callBackUri")
        parts = urlsplit(uri)
        host = (parts.hostname or "").lower()
        if self._allow_loopback and is_loopback(host):
            return
        if not any(fnmatchcase(host, pattern) for pattern in self._hosts):
            raise InvalidJobError(
                f"callbacks to {host!r} are not allowed: add the host to BATCHMGR_CALLBACK_HOSTS",
                field="callBackUri",
            )
        if parts.scheme != "https":
            raise InvalidJobError("must be https", field="callBackUri")

    async def send(
        self, uri: str, body: AdfCallback, webhook_id: str, limit: timedelta, traceparent: str = ""
    ) -> None:
        """POST the body once, without following redirects. Raise ServiceError for a status of 300 or more."""
        content = msgspec.json.encode(body)
        headers = {"Content-Type": "application/json", **self._webhook_headers(content, webhook_id)}
        # The URI is a secret, and in no attribute.
        about = {METHOD: "POST", SERVER: urlsplit(uri).hostname or ""}
        with self._telemetry.span(CALLBACK, traceparent=traceparent, attributes=about) as place:
            await self._post(uri, content, headers | ({HEADER: place} if place else {}), limit)

    async def _post(self, uri: str, content: bytes, headers: Mapping[str, str], limit: timedelta) -> None:
        seconds = limit.total_seconds()
        timeout = aiohttp.ClientTimeout(total=seconds)
        try:
            async with self._session.post(
                uri, data=content, headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                text = (await response.content.read(500)).decode(errors="replace")
                retry_after = response.headers.get("Retry-After", "")
        except TimeoutError as error:
            text = f"{SERVICE} did not answer within {seconds:g} s"
            raise ServiceBusyError(text, code="Timeout") from error
        except (aiohttp.ClientError, ValueError) as error:
            # Only the kind of error: its text may hold the URI.
            kind = type(error).__name__
            raise ServiceBusyError(f"{SERVICE} can't be reached: {kind}", code=kind) from None
        if response.status >= 300:
            raise service_error(
                SERVICE, status=response.status, code="", message=text, retry_after=retry_after
            )

    def _webhook_headers(self, content: bytes, webhook_id: str) -> dict[str, str]:
        timestamp = str(int(time.time()))
        headers = {"webhook-id": webhook_id, "webhook-timestamp": timestamp}
        if self._key:
            signed = b".".join((webhook_id.encode(), timestamp.encode(), content))
            digest = hmac.new(self._key, signed, hashlib.sha256).digest()
            headers["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"
        return headers


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine: `localhost`, or a loopback address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
