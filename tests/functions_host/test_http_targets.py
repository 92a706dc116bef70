"""Paths and queries are decoded and encoded as by Kestrel and ASP.NET Core."""

import pytest

from functions_host.http_targets import RequestTarget


@pytest.mark.parametrize(
    ("target", "path", "url"),
    [
        ("/api/a%20b", "/api/a b", "/api/a%20b"),
        ("/api/a%2Fb", "/api/a%2Fb", "/api/a%2Fb"),
        ("/api/a%2fb", "/api/a%2Fb", "/api/a%2Fb"),
        ("/api/a%5Cb\\c", "/api/a\\b\\c", "/api/a%5Cb%5Cc"),
        ("/api/%C3%A9", "/api/\N{LATIN SMALL LETTER E WITH ACUTE}", "/api/%C3%A9"),
        ("/api/%C3%28", "/api/%C3(", "/api/%C3("),
        ("/api/100%", "/api/100%", "/api/100%25"),
        ("/api/%zz", "/api/%zz", "/api/%25zz"),
        ("/api/a%3Fb%23c", "/api/a?b#c", "/api/a%3Fb%23c"),
        ("/api/a%0Ab", "/api/a\nb", "/api/a%0Ab"),
        ("/a/./b/../c", "/a/c", "/a/c"),
        ("/a/%2e%2E/c", "/c", "/c"),
        ("/../../a", "/a", "/a"),
        ("/a/..", "/", "/"),
        ("/a/b/.", "/a/b/", "/a/b/"),
        ("/a//../b", "/a/b", "/a/b"),
        ("/a/..b/.c", "/a/..b/.c", "/a/..b/.c"),
        ("/a?", "/a", "/a?"),
        ("/a?x=1?y=%20&z=#f", "/a", "/a?x=1?y=%20&z=%23f"),
        ("http://host/a/b?c", "/a/b", "/a/b?c"),
    ],
)
def test_a_path_is_decoded_for_routing_and_encoded_for_functions(target: str, path: str, url: str) -> None:
    parsed = RequestTarget.parse(target)
    assert parsed.path == path
    assert parsed.url("host") == f"http://host{url}"


def test_a_nul_in_a_path_is_an_error() -> None:
    with pytest.raises(ValueError, match="NUL"):
        RequestTarget.parse("/a%00")


@pytest.mark.parametrize(
    ("query", "values"),
    [
        ("a=1&a=2&b=3", {"a": "1,2", "b": "3"}),
        ("a=1&A=2", {"a": "1,2"}),
        ("a=&b&a=1", {"a": "1"}),
        ("a=1+2%203%2B4", {"a": "1 2 3+4"}),
        ("&&a=b=c&", {"a": "b=c"}),
        ("a=%C3%28&n=x%00y", {"a": "%C3(", "n": "x\0y"}),
        ("a=50%&b=a%2Fb", {"a": "50%", "b": "a/b"}),
    ],
)
def test_query_names_have_no_case_and_empty_values_are_left_out(query: str, values: dict[str, str]) -> None:
    assert RequestTarget.parse(f"/a?{query}").query.joined() == values


def test_the_first_value_of_a_name_in_any_case() -> None:
    query = RequestTarget.parse("/a?Code=1&code=2").query
    assert query.first("code") == "1"
    assert query.first("other") is None
