"""What a receiver has answered holds no part of the secret that its URI is."""

import json
from base64 import b64encode
from html import escape
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchmgr.model.receiver_text import MAX_TEXT, receiver_text

SECRET = "9f8Zq2+LmP/w7xK4=="
URI = f"https://hooks.example.com/run/5d1c7a90-22be/done?code={quote(SECRET, safe='')}&to=a%20b#part-0815"
PATH = URI.removeprefix("https://hooks.example.com")
ECHOES = {
    "whole": URI,
    "path": PATH,
    "no query": PATH.partition("?")[0],
    "cut off": PATH[:30],
    "decoded": unquote(PATH),
    "encoded": quote(PATH, safe=""),
    "encoded twice": quote(quote(PATH, safe=""), safe=""),
    "HTML": escape(PATH),
    "HTML of it decoded": escape(unquote(PATH)),
    "JSON": json.dumps(PATH).replace("/", "\\/"),
    "JSON escapes": "".join(f"\\u{ord(char):04x}" for char in PATH),
    "upper case": PATH.upper(),
    "plus for a space": unquote(PATH).replace("+", " "),
    "the code alone": SECRET,
    "a value in quotes": f'code "{quote(SECRET)}" is unknown',
}


@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES)
def test_an_echo_of_the_uri_is_left_out_in_every_form(echo: str) -> None:
    shown = receiver_text(f"Cannot POST {echo} (no such run)", URI)
    assert shown.startswith("Cannot POST")
    assert shown.endswith("(no such run)")
    known = {
        part[at : at + 8].lower() for part in (PATH, unquote(PATH), SECRET) for at in range(len(part) - 7)
    }
    assert not [part for part in known if len(part) == 8 and part in shown.lower().replace("%", "")], shown


def test_what_is_no_part_of_it_is_shown() -> None:
    said = '{"error": {"code": "BadRequest", "message": "the token has expired at 12:00"}}'
    assert receiver_text(said, URI) == said


def test_it_is_one_line_of_bounded_length_without_control_characters() -> None:
    shown = receiver_text("a\r\nb\x1b[31m%0ac\u2028" + "d" * 5000, "https://a.example/")
    assert shown.startswith("a b [31m c d")
    assert len(shown) <= MAX_TEXT
    assert shown.isprintable()


def test_short_parts_of_the_uri_are_left_out_too() -> None:
    assert receiver_text("unknown token x7k2q1", "https://a.example/h/x7k2q1") == "unknown token …"


_PARTS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=9, max_size=60)


@given(_PARTS, st.text(max_size=30), st.sampled_from([str, quote, unquote, escape, json.dumps]))
def test_no_part_of_a_random_secret_is_shown(secret: str, around: str, form: object) -> None:
    assert callable(form)
    uri = f"https://a.example/{secret}"
    shown = receiver_text(f"{around} {form(secret)} {around}", uri)
    plain = unquote(secret)
    for at in range(len(plain) - 7):
        part = plain[at : at + 8]
        if part not in around and part.isalnum():
            assert part not in shown


def test_a_receiver_that_hides_its_secret_on_purpose_is_not_found_out() -> None:
    hidden = b64encode(SECRET.encode()).decode()
    assert hidden in receiver_text(hidden, URI)
