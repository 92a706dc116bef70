"""The callback over HTTP: to allowed hosts only, and signed if a key is set.

The signature follows the Standard Webhooks scheme. Source: https://www.standardwebhooks.com. The URI is a
secret, because whoever knows it can end the pipeline's activity: it appears in no error and no log.
"""

import base64
import hashlib
import hmac
import ssl
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Literal
from urllib.parse import urlsplit

import aiohttp
import msgspec

from batchmgr.adapters.callback_resolver import AddressNotAllowedError, CallbackResolver
from batchmgr.adapters.service_errors import service_error
from batchmgr.errors import ServiceBusyError
from batchmgr.model.callback_rules import CallbackRules
from batchmgr.model.cloud_event import Event
from batchmgr.model.receiver_text import receiver_text
from batchmgr.model.telemetry_names import CALLBACK, METHOD, SERVER
from batchmgr.model.traceparent import HEADER
from batchmgr.telemetry_port import NoTelemetry, Telemetry
from batchmgr.wire.adf_callback import AdfCallback

SERVICE = "The receiver of the callback"
WEBHOOK = "The receiver of the webhook"
EVENTS = "application/cloudevents-batch+json"
MAX_BYTES = 4096
"""How much of a receiver's answer is read."""


@asynccontextmanager
async def callback_session(
    rules: CallbackRules, most: int, trusted: ssl.SSLContext | Literal[True] = True
) -> AsyncIterator[aiohttp.ClientSession]:
    """Open a session that connects to allowed addresses only, and looks `most` names up at once.

    It keeps nothing of one receiver for the next call, such as cookies, and decompresses nothing. `trusted`
    are other certificate authorities than those of the system.
    """
    resolver = CallbackResolver(most, rules.allows)
    connector = aiohttp.TCPConnector(limit=0, resolver=resolver, ssl=trusted)  # the workers have a limit
    jar = aiohttp.DummyCookieJar()
    try:
        async with aiohttp.ClientSession(
            connector=connector, cookie_jar=jar, auto_decompress=False
        ) as session:
            yield session
    finally:
        await resolver.close()  # the connector closes only one of its own


class HttpCallbackSender:
    """The CallbackSender port. The session holds the addresses of names against the same rules."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        rules: CallbackRules,
        key: bytes,
        telemetry: Telemetry | None = None,
    ) -> None:
        self._session = session
        self._rules = rules
        self._key = key
        self._telemetry = telemetry or NoTelemetry()

    def check(self, uri: str) -> None:
        """Raise InvalidJobError, which says why, if batchmgr may not call this URI."""
        self._rules.check(uri)

    async def send(
        self, uri: str, body: AdfCallback, webhook_id: str, limit: timedelta, traceparent: str = ""
    ) -> None:
        """POST the body once, without following redirects. Raise ServiceError for a status of 300 or more."""
        await self._send(SERVICE, uri, body, "application/json", webhook_id, limit, traceparent)

    async def send_events(
        self, uri: str, events: Sequence[Event], webhook_id: str, limit: timedelta, traceparent: str = ""
    ) -> None:
        """POST the events once, as a batch of CloudEvents. Raise ServiceError as `send` does."""
        await self._send(WEBHOOK, uri, events, EVENTS, webhook_id, limit, traceparent)

    async def _send(
        self,
        receiver: str,
        uri: str,
        body: AdfCallback | Sequence[Event],
        content_type: str,
        webhook_id: str,
        limit: timedelta,
        traceparent: str,
    ) -> None:
        content = msgspec.json.encode(body)
        headers = {
            "Content-Type": content_type,
            "Accept-Encoding": "identity",
            **self._webhook_headers(content, webhook_id),
        }
        # The URI is a secret, and in no attribute.
        about = {METHOD: "POST", SERVER: urlsplit(uri).hostname or ""}
        with self._telemetry.span(CALLBACK, traceparent=traceparent, attributes=about) as place:
            headers |= {HEADER: place} if place else {}
            await self._post(receiver, uri, content, headers, limit)

    async def _post(
        self, receiver: str, uri: str, content: bytes, headers: Mapping[str, str], limit: timedelta
    ) -> None:
        seconds = limit.total_seconds()
        timeout = aiohttp.ClientTimeout(total=seconds)
        try:
            async with self._session.post(
                uri, data=content, headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                text = receiver_text((await response.content.read(MAX_BYTES)).decode(errors="replace"), uri)
                retry_after = response.headers.get("Retry-After", "")
        except TimeoutError as error:
            text = f"{receiver} did not answer within {seconds:g} s"
            raise ServiceBusyError(text, code="Timeout") from error
        except (aiohttp.ClientError, ValueError) as error:
            if isinstance(error.__cause__, AddressNotAllowedError):
                raise ServiceBusyError(str(error.__cause__), code="AddressNotAllowed") from None
            # Only the kind of error: its text may hold the URI.
            kind = type(error).__name__
            raise ServiceBusyError(f"{receiver} can't be reached: {kind}", code=kind) from None
        if response.status >= 300:
            raise service_error(
                receiver, status=response.status, code="", message=text, retry_after=retry_after
            )

    def _webhook_headers(self, content: bytes, webhook_id: str) -> dict[str, str]:
        timestamp = str(int(time.time()))
        headers = {"webhook-id": webhook_id, "webhook-timestamp": timestamp}
        if self._key:
            signed = b".".join((webhook_id.encode(), timestamp.encode(), content))
            digest = hmac.new(self._key, signed, hashlib.sha256).digest()
            headers["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"
        return headers
