"""What becomes of the values that functions return: status, headers, cookies and body."""

import json

import azure.functions as func
import pytest

from functions_host.binding_converters import encode
from functions_host.http_response import FunctionResponse

TEXT = {"Content-Type": "text/plain; charset=utf-8"}


def response(returned: object) -> FunctionResponse:
    return FunctionResponse.of(encode("http", returned, None))


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ("plain", "plain"),
        ("", ""),
        ("{not json}", "{not json}"),
        ('{"b":1,"a":[1,2]}', '{\n  "b": 1,\n  "a": [\n    1,\n    2\n  ]\n}'),
        ("12", "12"),
        ("1.50", "1.5"),
        ("2e3", "2000"),
        ("true", "True"),
        ("null", ""),
        ('"quoted"', "quoted"),
        ("12 apples", "12 apples"),
    ],
)
def test_a_returned_text_is_read_as_json_where_it_is_json(text: str, body: str) -> None:
    assert response(text) == FunctionResponse(headers=TEXT, body=body.encode())


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (
            {"status": 201, "body": "made", "headers": {"X-A": 1}},
            FunctionResponse(status=201, headers=TEXT | {"X-A": "1"}, body=b"made"),
        ),
        ({"StatusCode": "404", "BODY": None}, FunctionResponse(status=404, headers=TEXT)),
        ({"body": {"a": [1]}}, FunctionResponse(headers=TEXT, body=b'{"a":[1]}')),
        ({"body": True, "status": "odd"}, FunctionResponse(headers=TEXT, body=b"True")),
        (
            {"body": "x", "headers": {"content-TYPE": "a/b"}},
            FunctionResponse(headers={"Content-Type": "a/b"}, body=b"x"),
        ),
    ],
)
def test_json_with_a_body_describes_a_response(
    document: dict[str, object], expected: FunctionResponse
) -> None:
    assert response(json.dumps(document)) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Name", "\N{LATIN SMALL LETTER E WITH ACUTE}"),
        ("X-Name", "a\r\nX-B: b"),
        ("X-Name", "a\x7f"),
        ("X Name", "a"),
        ("X:Name", "a"),
        ("", "a"),
    ],
)
def test_a_header_that_kestrel_refuses_is_an_error(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=r"invalid|newline"):
        response(func.HttpResponse("x", headers={name: value}))


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("b=2", "b=2; domain=; path="),
        (
            "a=1; Path=/p; Max-Age=60; Secure; HttpOnly; SameSite=Lax",
            "a=1; max-age=60; domain=; path=/p; secure; samesite=lax; httponly",
        ),
        (
            "a=x; Domain=d.example; Expires=Tue, 01 Jan 2030 00:00:00 GMT",
            "a=x; expires=Tue, 01 Jan 2030 00:00:00 GMT; domain=d.example; path=",
        ),
        ('a="x y/z"', "a=x%20y%2Fz; domain=; path="),
    ],
)
def test_cookies_are_written_anew(given: str, sent: str) -> None:
    assert response(func.HttpResponse("x", headers={"Set-Cookie": given})).cookies == (sent,)


def test_a_cookie_that_expires_at_no_time_is_an_error() -> None:
    with pytest.raises(ValueError, match="no time"):
        response(func.HttpResponse("x", headers={"Set-Cookie": "a=1; Expires=soon"}))
