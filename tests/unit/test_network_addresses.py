"""Which addresses are public, in whatever form they are written."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchmgr.model.callback_rules import CallbackRules
from batchmgr.model.network_addresses import PRIVATE, inner_address, is_in_private, is_public

NOT_PUBLIC_V4 = (
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
)
PUBLIC_V4 = ("1.1.1.1", "20.50.1.1", "100.128.0.1", "172.32.0.1", "93.184.216.34")


def forms(address: str) -> list[str]:
    """The IPv6 forms of an IPv4 address that lead to it."""
    number = int(IPv4Address(address))
    six_to_four = (0x2002 << 112) | (number << 80) | 1
    return [f"::ffff:{address}", f"64:ff9b::{address}", str(IPv6Address(six_to_four))]


@pytest.mark.parametrize("address", NOT_PUBLIC_V4)
def test_an_address_inside_is_not_public_in_any_form(address: str) -> None:
    for form in (address, f"::{address}", *forms(address)):
        assert not is_public(ip_address(form)), form


@pytest.mark.parametrize("address", PUBLIC_V4)
def test_an_address_of_the_internet_is_public_in_any_form(address: str) -> None:
    for form in (address, *forms(address)):
        assert is_public(ip_address(form)), form


@pytest.mark.parametrize(
    "address",
    [
        "::",
        "::1",
        "fe80::1",
        "fec0::1",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "100::1",
        "64:ff9b:1::a00:1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",  # Teredo
        "2001:db8::1",
        "3fff::1",
        "5f00::1",
    ],
)
def test_an_ipv6_address_that_is_not_of_the_internet_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


def test_an_ipv6_address_of_the_internet_is_public() -> None:
    assert is_public(ip_address("2606:4700:4700::1111"))


@given(st.ip_addresses(v=4))
def test_what_is_public_here_is_global_for_python(address: IPv4Address) -> None:
    if is_public(address):
        assert address.is_global
        assert not address.is_multicast


@given(st.ip_addresses(v=4))
def test_the_forms_of_an_address_are_judged_as_the_address(address: IPv4Address) -> None:
    for rules in (CallbackRules(hosts=()), CallbackRules(hosts=(), networks=PRIVATE, allow_loopback=True)):
        assert {rules.allows(ip_address(form)) for form in forms(str(address))} == {rules.allows(address)}
    assert inner_address(ip_address(forms(str(address))[0])) == address


@pytest.mark.parametrize("address", ["169.254.169.254", "168.63.129.16", "100.100.100.200", "fd00:ec2::254"])
def test_what_a_cloud_tells_its_machines_is_in_no_private_network(address: str) -> None:
    assert not is_in_private(ip_address(address), PRIVATE)
    everything = CallbackRules(hosts=("*",), networks=PRIVATE, allow_loopback=True)
    assert not everything.allows(ip_address(address))
