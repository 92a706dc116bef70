"""Whether the services can be reached, and whether their clocks agree with this machine's.

They are asked without signing in: so this works whatever the keys, roles and clocks are.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import aiohttp

from batchmgr.doctor.finding import Finding, fine, unknown, wrong
from batchmgr.model.network_addresses import is_loopback

SECONDS = 8.0
MOST_DRIFT = timedelta(minutes=5)
"""Microsoft Entra takes no token, and storage and Azure Batch no signed request, that is further off."""

Now = Callable[[], float]


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """A service that was asked. `problem` says why it can't be reached; `drift` is its clock, less ours."""

    url: str
    problem: Finding | None = None
    drift: timedelta | None = None


async def ask_endpoints(urls: Mapping[str, str], now: Now = time.time) -> dict[str, Endpoint]:
    """Ask the services, by name, at the same time."""
    timeout = aiohttp.ClientTimeout(total=SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as http:
        asked = await asyncio.gather(*(_ask(http, name, url, now) for name, url in urls.items()))
    return dict(zip(urls, asked, strict=True))


def check_clock(endpoints: Mapping[str, Endpoint]) -> Finding:
    """Return whether the clock of this machine is right."""
    drifts = {name: one.drift for name, one in endpoints.items() if one.drift is not None}
    if not drifts:
        return unknown("clock", "no service has told its time")
    name, drift = max(drifts.items(), key=lambda item: abs(item[1]))
    seconds = round(abs(drift).total_seconds())
    if abs(drift) <= MOST_DRIFT:
        return fine("clock", "within 5 minutes of the services, which is close enough")
    side = "behind" if drift > timedelta(0) else "ahead of"
    return wrong(
        "clock",
        f"the clock of this machine is {seconds // 60} minutes {side} that of {name}: tokens, keys and "
        "signatures are refused from a difference of 5 minutes on",
        "Set the clock, and keep it right:\n    sudo timedatectl set-ntp true",
    )


async def _ask(http: aiohttp.ClientSession, name: str, url: str, now: Now) -> Endpoint:
    try:
        async with http.get(url, allow_redirects=False) as answer:
            date = answer.headers.get("Date", "")
    except (aiohttp.ClientError, OSError, ValueError) as error:  # a time-out is an OSError
        what, remedy = _explained(name, url, error)
        return Endpoint(url=url, problem=wrong(name, what, remedy))
    return Endpoint(url=url, drift=_drift(date, now()))


def _drift(date: str, now: float) -> timedelta | None:
    try:
        return timedelta(seconds=parsedate_to_datetime(date).timestamp() - now)
    except (TypeError, ValueError):
        return None


def _explained(name: str, url: str, error: Exception) -> tuple[str, str]:
    """Return why a service can't be reached, and what to do."""
    parts = urlsplit(url)
    host, address = parts.hostname or "", f"{parts.scheme}://{parts.netloc}"
    if isinstance(error, aiohttp.InvalidURL) or not host:
        return f"{url!r} is not a URL", "Correct the setting that holds it."
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return (
            f"there is no host {host!r}: the account's name or region is wrong, or it has only a private "
            "endpoint, whose name this machine does not find",
            f"Correct the setting with this URL. Does the name exist?\n    nslookup {host}",
        )
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
        return (
            f"the certificate of {address} is not trusted, or it does not speak https",
            "Set SSL_CERT_FILE to the file with the certificate. For a stack without keys, "
            "`batchmgr start --identity` prints the path.",
        )
    if isinstance(error, TimeoutError):
        return (
            f"{address} has not answered in {SECONDS:.0f} s: a firewall or a private network is in between",
            "Let this machine's address through, or run the command inside of the network.",
        )
    if is_loopback(host):
        return f"nothing answers at {address}", "Start the local services:\n    batchmgr start"
    return (
        f"{address} can't be reached: {type(error).__name__}",
        "Is it the right host, and does a firewall let this machine through?",
    )
