"""Which callback URIs are refused when a job is accepted, and with which sentence."""

from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from yarl import URL

from batchmgr.errors import InvalidJobError
from batchmgr.model.callback_rules import CallbackRules, parse_callback_uri
from batchmgr.model.network_addresses import private_network

FACTORY = CallbackRules(hosts=("*.datafactory.azure.com",))
ANYBODY = CallbackRules(hosts=("*",))
HERE = CallbackRules(hosts=(), allow_loopback=True)


def refusal(rules: CallbackRules, uri: str) -> str:
    with pytest.raises(InvalidJobError) as caught:
        rules.check(uri)
    assert caught.value.field == "callBackUri"
    return caught.value.reason


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("", "absolute http or https URL"),
        ("/x", "absolute http or https URL"),
        ("file:///etc/passwd", "absolute http or https URL"),
        ("https:a.example.com", "absolute http or https URL"),
        ("https:///x", "with the name of a host"),
        ("https://?x", "with the name of a host"),
        ("https://:443/", "with the name of a host"),
        ("https://[::1/", "with the name of a host"),
        ("https://[::1]x/", "with the name of a host"),
        ("https://a.example.com:99999/", "from 1 to 65535, not '99999'"),
        ("https://a.example.com:0/", "from 1 to 65535, not '0'"),
        ("https://a.example.com:/", "from 1 to 65535, not ''"),
        ("https://a.example.com:+443/", "from 1 to 65535, not '+443'"),
        ("https://a.example.com:443:443/", "from 1 to 65535"),
        ("https://user:password@a.example.com/", "a user or a password"),
        ("https://169.254.169.254@a.example.com/", "a user or a password"),
        ("https://[fe80::1%25.example.com]/", "neither a zone"),
        ("https://[fe80::1%eth0]/", "neither a zone"),
        ("https://a%2eexample.com/", "neither a zone nor percent-encoded"),
        ("https://a.example.com./", "must not end with a dot"),
        ("https://a.example.com\\@evil.example/", "backslashes"),
        ("https://a.example.com\t/", "control characters"),
        ("https://a.example.com/\r\nX-Injected: 1", "control characters"),
        ("https://a.example.com/a b", "spaces"),
        ("https://bücher.example.com/", "xn--"),
        ("https://a。example.com/", "xn--"),
        ("https://127.1/", "no IP address, written as usual: '127.1'"),
        ("https://2130706433/", "no IP address, written as usual"),
        ("https://0x7f000001/", "no IP address, written as usual"),
        ("https://0177.0.0.1/", "no IP address, written as usual"),
        ("https://1.2.3.4.5/", "no IP address, written as usual"),
        ("https://[1.2.3.4]/", "no IP address, written as usual"),
        ("https://-a.example.com/", "can't be the name of a host"),
        ("https://a..example.com/", "can't be the name of a host"),
        (f"https://{'a' * 64}.example.com/", "can't be the name of a host"),
        (f"https://{'a.' * 130}example.com/", "can't be the name of a host"),
        ("https://a;b.example.com/", "can't be the name of a host"),
    ],
)
def test_a_uri_that_can_never_be_called_is_refused_whoever_is_allowed(uri: str, reason: str) -> None:
    for rules in (ANYBODY, HERE):
        assert reason in refusal(rules, uri)


@pytest.mark.parametrize(
    "uri",
    [
        "https://a.datafactory.azure.com/x",
        "https://A.B.DataFactory.azure.com:443/x?y=%2F#z",
        "HTTPS://a.datafactory.azure.com",
        "https://a.datafactory.azure.com?x",
    ],
)
def test_allowed_hosts_may_be_called(uri: str) -> None:
    FACTORY.check(uri)


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("https://datafactory.azure.com/x", "add the host to BATCHMGR_CALLBACK_HOSTS"),
        (
            "https://a.datafactory.azure.com.evil.example/",
            "callbacks to 'a.datafactory.azure.com.evil.example'",
        ),
        ("https://evil.example/?a.datafactory.azure.com", "callbacks to 'evil.example' are not allowed"),
        ("https://evil.example#a.datafactory.azure.com", "callbacks to 'evil.example' are not allowed"),
        ("https://localhost/", "callbacks to 'localhost' are not allowed"),
        ("https://[::1]/", "callbacks to '::1' are not allowed"),
        ("http://a.datafactory.azure.com/x", "must be https"),
        ("https://a.datafactory.azure.com:8443/x", "add the port to BATCHMGR_CALLBACK_PORTS"),
    ],
)
def test_everybody_else_is_refused_with_the_setting_that_would_allow_it(uri: str, reason: str) -> None:
    assert reason in refusal(FACTORY, uri)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "[::1]", "[fd00:ec2::254]"])
def test_an_address_that_is_not_public_is_refused_even_if_every_host_is_allowed(address: str) -> None:
    assert "no public address" in refusal(ANYBODY, f"https://{address}/")


def test_a_private_network_is_allowed_by_name() -> None:
    rules = CallbackRules(hosts=("*",), ports=(8443,), networks=(private_network("10.1.0.0/16"),))
    rules.check("https://10.1.2.3:8443/")
    assert "no public address" in refusal(rules, "https://10.2.0.1:8443/")


@pytest.mark.parametrize("uri", ["http://127.0.0.1:8080/x", "http://localhost/x", "https://[::1]:1/x"])
def test_this_machine_may_be_called_on_any_port_by_http_if_it_is_allowed(uri: str) -> None:
    HERE.check(uri)
    refusal(ANYBODY, uri)


_HOSTS = st.text(alphabet="aB1.-_[]:%@\\/?#xn ü\t0", max_size=20)


@given(st.builds("{}://{}{}".format, st.sampled_from(["http", "https"]), _HOSTS, _HOSTS))
@example("https://a.example.com#@b.example.com/")
@example("https://a.example.com?@b.example.com/")
def test_what_is_not_refused_means_the_same_host_and_port_to_every_parser(text: str) -> None:
    try:
        uri = parse_callback_uri(text)
    except InvalidJobError:
        return
    one, other = urlsplit(text), URL(text)
    default = 443 if uri.scheme == "https" else 80
    for host, port in ((one.hostname, one.port or default), (other.raw_host, other.port)):
        assert port == uri.port
        assert parse_callback_uri(f"https://{f'[{host}]' if ':' in str(host) else host}/").host == uri.host
