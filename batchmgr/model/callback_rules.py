"""Which callback URIs batchmgr calls. What can never be called is refused when a job is accepted."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv6Address

from batchmgr.errors import InvalidJobError
from batchmgr.model.network_addresses import (
    Address,
    Network,
    inner_address,
    is_in_private,
    is_loopback,
    is_public,
)

FIELD = "callBackUri"
HTTPS = 443

_PRINTABLE = re.compile(r"[!-~]+")
_URI = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/?#]*)(?:[/?#].*)?", re.IGNORECASE)
_AUTHORITY = re.compile(r"(?P<host>\[[^\]]*\]|[^:\[\]]*)(?::(?P<port>.*))?")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
_NUMERIC = re.compile(r"(?:.*\.)?(?:\d+|0x[0-9a-f]*)")


@dataclass(frozen=True, kw_only=True)
class CallbackUri:
    """What of a callback URI is no secret. `address` is the host, if it is an address and no name."""

    scheme: str
    host: str
    port: int
    address: Address | None


@dataclass(frozen=True, kw_only=True)
class CallbackRules:
    """Whom batchmgr may call back.

    `hosts` are names, or patterns such as `*.example.com`; `networks` are the private networks that these may
    be in. `allow_loopback` allows this machine, by http and on any port: for local runs.
    """

    hosts: Sequence[str]
    ports: Sequence[int] = (HTTPS,)
    networks: Sequence[Network] = ()
    allow_loopback: bool = False

    def check(self, text: str) -> None:
        """Raise InvalidJobError, which says why, if batchmgr may not call this URI."""
        uri = parse_callback_uri(text)
        if self.allow_loopback and is_loopback(uri.host):
            return
        if not any(fnmatchcase(uri.host, pattern.lower()) for pattern in self.hosts):
            raise _refused(
                f"callbacks to {uri.host!r} are not allowed: add the host to BATCHMGR_CALLBACK_HOSTS"
            )
        if uri.scheme != "https":
            raise _refused("must be https")
        if uri.port not in self.ports:
            raise _refused(
                f"callbacks to port {uri.port} are not allowed: add the port to BATCHMGR_CALLBACK_PORTS"
            )
        if uri.address is not None and not self.allows(uri.address):
            raise _refused(f"callbacks to {uri.host!r} are not allowed: it is no public address")

    def allows(self, address: Address) -> bool:
        """Return whether batchmgr may connect to this address."""
        address = inner_address(address) or address
        if address.is_loopback:
            return self.allow_loopback
        return is_public(address) or is_in_private(address, self.networks)


def parse_callback_uri(text: str) -> CallbackUri:
    """Return the parts of a callback URI. Raise InvalidJobError for one that can never be called.

    It is stricter than the grammar of URIs, since clients differ in what they make of the rest.
    """
    match = _URI.fullmatch(text)
    if match is None and not text.lower().startswith(("http://", "https://")):
        raise _refused("must be an absolute http or https URL")
    if match is None or not _PRINTABLE.fullmatch(text) or "\\" in text:
        raise _refused(
            "must not hold spaces, backslashes, control characters and letters beyond ASCII: write them "
            "percent-encoded, and in the name of a host as xn--…"
        )
    if "@" in match["authority"]:
        raise _refused("must not hold a user or a password")
    parts = _AUTHORITY.fullmatch(match["authority"])
    if parts is None or not parts["host"]:
        raise _refused("must be an absolute http or https URL with the name of a host")
    scheme, host = match["scheme"].lower(), parts["host"].lower()
    port = _port(parts["port"], HTTPS if scheme == "https" else 80)
    address = _address(host)
    return CallbackUri(
        scheme=scheme, host=host if address is None else str(address), port=port, address=address
    )


def _port(text: str | None, default: int) -> int:
    if text is None:
        return default
    if not (text.isdigit() and len(text) <= 5 and 1 <= int(text) <= 65535):
        raise _refused(f"the port must be a number from 1 to 65535, not {text!r}")
    return int(text)


def _address(host: str) -> Address | None:
    """Return the address that a host is, None if it is a name. Raise InvalidJobError if it is neither."""
    if "%" in host:
        raise _refused(f"the host must hold neither a zone nor percent-encoded characters: {host!r}")
    try:
        if host.startswith("["):
            return IPv6Address(host[1:-1])
        if _NUMERIC.fullmatch(host):
            return IPv4Address(host)
    except ValueError:
        raise _refused(f"the host is no IP address, written as usual: {host!r}") from None
    if host.endswith("."):
        raise _refused("the name of the host must not end with a dot")
    if not _NAME.fullmatch(host):
        raise _refused(f"this can't be the name of a host: {host!r}")
    return None


def _refused(reason: str) -> InvalidJobError:
    return InvalidJobError(reason, field=FIELD)
