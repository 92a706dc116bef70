"""Which IP addresses are public, and which private networks there are.

Sources: the IANA registries of special-purpose addresses, RFC 6890, and for the addresses of Azure and other
clouds that answer only from inside, https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

PRIVATE: tuple[Network, ...] = tuple(
    map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"))
)
"""Networks that belong to whoever runs them. A receiver may be there, if an operator says so."""

_INSIDE = frozenset(map(ip_address, ("169.254.169.254", "168.63.129.16", "100.100.100.200", "fd00:ec2::254")))
"""What a cloud tells its own machines: also tokens of their identities."""

_NOT_PUBLIC = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
            "2001::/23",
            "2001:db8::/32",
            "3fff::/20",
        ),
    )
)
_GLOBAL_V6 = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_COMPATIBLE = IPv6Network("::/96")


def is_public(address: Address) -> bool:
    """Return whether an address is one of the internet. An IPv4 address inside an IPv6 one counts."""
    if (inner := inner_address(address)) is not None:
        return is_public(inner)
    if address in _INSIDE or _is_in(address, (*PRIVATE, *_NOT_PUBLIC)):
        return False
    return address.version == 4 or address in _GLOBAL_V6


def private_network(text: str) -> Network:
    """Return a private network from a text such as `10.1.0.0/16`. Raise ValueError for any other."""
    try:
        network = ip_network(text)
    except ValueError:
        raise ValueError(f"{text!r}, which is no network: write it as 10.1.0.0/16") from None
    if not any(_is_below(network, private) for private in PRIVATE):
        raise ValueError(
            f"{text!r}, which is no private network: name a part of {', '.join(map(str, PRIVATE))}"
        )
    return network


def is_in_private(address: Address, networks: Sequence[Network]) -> bool:
    """Return whether an address is in one of these private networks, and not one of a cloud itself."""
    return address not in _INSIDE and _is_in(address, PRIVATE) and _is_in(address, networks)


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine: `localhost`, or a loopback address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def inner_address(address: Address) -> IPv4Address | None:
    """Return the IPv4 address that is in an IPv6 address, and that a packet goes to in the end.

    The forms are mapped and compatible addresses, NAT64 and 6to4. Teredo's (2001::/32) are not public at all.
    """
    if isinstance(address, IPv4Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.sixtofour


def _is_below(network: Network, other: Network) -> bool:
    return (
        network.version == other.version
        and network.network_address in other
        and (network.prefixlen >= other.prefixlen)
    )


def _is_in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)
