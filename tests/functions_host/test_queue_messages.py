"""Message texts are decoded as .NET does, and queue names are checked."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions_host.errors import ConfigurationError
from functions_host.queue_messages import check_queue_name, decode_body, encode_body


@pytest.mark.parametrize(
    ("content", "body"),
    [
        ("b2s=", b"ok"),
        ("", b""),
        (" \t\r\n", b""),
        (" b2\r\ns=\t", b"ok"),
        ("bw = =", b"o"),
        ("b2t=", b"ok"),
        ("bx==", b"o"),
        ("b2ss//4=", b"ok,\xff\xfe"),
        ("+/+/", b"\xfb\xff\xbf"),
    ],
)
def test_base64_may_have_white_space_and_bits_left_over(content: str, body: bytes) -> None:
    assert decode_body(content, is_base64=True) == body


@pytest.mark.parametrize(
    "content",
    [
        "b2s",
        "bw=",
        "b",
        "b===",
        "b2s==",
        "b2s====",
        "b2ss====",
        "====",
        "=",
        "b2s=b2s=",
        "b2=s",
        "b2ssPz8_Pj4-",
        "b2\u00a0s=",
        "b2\x0bs=",
        "b2\x0cs=",
        "b2\u2003s=",
        "b2sé",
        "not base64!",
    ],
)
def test_wrong_padding_and_other_alphabets_are_not_base64(content: str) -> None:
    with pytest.raises(ValueError, match="base64"):
        decode_body(content, is_base64=True)


@given(st.binary(max_size=50))
def test_a_body_survives_base64(body: bytes) -> None:
    content = encode_body(body, is_base64=True)
    assert content == base64.b64encode(body).decode()
    assert decode_body(content, is_base64=True) == body


def test_without_an_encoding_a_body_is_its_text() -> None:
    assert decode_body("b2s=", is_base64=False) == b"b2s="
    assert encode_body("fail,ä & <b>".encode(), is_base64=False) == "fail,ä & <b>"
    assert encode_body(b"\xff", is_base64=False) == "\ufffd"


@pytest.mark.parametrize("name", ["abc", "a-b-c", "0queue9", "q" * 63])
def test_a_queue_can_have_such_a_name(name: str) -> None:
    check_queue_name(name)


@pytest.mark.parametrize("name", ["", "ab", "q" * 64, "-abc", "abc-", "a--b", "Abc", "a_b", "a b", "abc\n"])
def test_a_queue_cannot_have_such_a_name(name: str) -> None:
    with pytest.raises(ConfigurationError, match="3 to 63"):
        check_queue_name(name)
