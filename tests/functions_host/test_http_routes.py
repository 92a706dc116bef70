"""Route templates match as in ASP.NET."""

import re

import pytest

from functions_host.errors import RouteTemplateError
from functions_host.http_routes import Router, RouteTemplate


@pytest.mark.parametrize(
    ("template", "path", "values"),
    [
        ("orders", "orders", {}),
        ("orders", "ORDERS", {}),
        ("orders", "orders/1", None),
        ("orders/{id}", "orders/a-1", {"id": "a-1"}),
        ("orders/{id}", "orders/", None),
        ("orders/{id}", "orders/a/b", None),
        ("orders/{id:int}", "orders/12", {"id": "12"}),
        ("orders/{id:int}", "orders/x", None),
        (
            "orders/{id:guid}",
            "orders/0af76519-16cd-43dd-8448-eb211c80319c",
            {"id": "0af76519-16cd-43dd-8448-eb211c80319c"},
        ),
        ("orders/{id?}", "orders", {}),
        ("orders/{id?}", "orders/7", {"id": "7"}),
        ("files/{*path}", "files/a/b/c", {"path": "a/b/c"}),
        ("files/{*path}", "files", {}),
        ("{a}/x/{b}", "1/x/2", {"a": "1", "b": "2"}),
        ("files/{name}.{ext}", "files/a.txt", {"name": "a", "ext": "txt"}),
        ("files/v.1", "files/vx1", None),
        ("files/{name}.{ext?}", "files/a", {"name": "a"}),
        ("files/{name}.{ext?}", "files/a.txt", {"name": "a", "ext": "txt"}),
        ("orders/{id=7}", "orders", {"id": "7"}),
        ("orders/{id=7}", "orders/8", {"id": "8"}),
        ("a{{b}}/{c}", "a{b}/x", {"c": "x"}),
        ("orders/{id}", "/orders/7/", {"id": "7"}),
        ("orders/{id}", "/orders/7//", None),
        ("files/{*path}", "/files/a/b/", {"path": "a/b/"}),
        ("files/{*path}", "/files//a", None),
    ],
)
def test_a_template_gives_its_route_values(template: str, path: str, values: dict[str, str] | None) -> None:
    assert RouteTemplate.parse(template).match(path) == values


def test_the_route_that_was_added_first_wins_however_general_it_is() -> None:
    router: Router[str] = Router()
    for template in ("orders/{id:int}", "orders/{id}", "orders/active", "orders/{*rest}"):
        router.add(template, [], template)
    for path, expected in {
        "orders/active": "orders/{id}",
        "orders/1": "orders/{id:int}",
        "orders/x": "orders/{id}",
        "orders/x/y": "orders/{*rest}",
    }.items():
        found = router.find("GET", path)
        assert found is not None
        assert found[0] == expected


def test_a_route_for_another_method_does_not_hide_one_that_fits() -> None:
    router: Router[str] = Router()
    router.add("orders/active", ["POST"], "post")
    router.add("orders/{id}", ["GET"], "get")
    assert router.find("GET", "/orders/active") == ("get", {"id": "active"})
    assert router.find("PUT", "/orders/active") is None


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("orders/{id:prime}", "'prime' is unknown"),
        ("orders/{id:INT}", "'INT' is unknown"),
        ("orders/{id:range(1)}", "invalid"),
        ("orders/{id", "not closed"),
        ("orders/id}", "counterpart"),
        ("orders/{a{b}}", "counterpart"),
        ("orders/{}", "not a valid route parameter"),
        ("orders/{a}{b}", "without a literal"),
        ("orders/{id}/{ID}", "more than once"),
        ("orders//x", "twice in a row"),
        ("orders/x?", "'?'"),
        ("orders/{*rest}/x", "last segment"),
        ("orders/a{*rest}", "other parts"),
        ("orders/{*rest?}", "cannot be optional"),
        ("orders/{a=1?}", "cannot have a default"),
        ("orders/{a?}-x", "last part"),
    ],
)
def test_a_template_that_the_real_host_refuses_is_an_error(template: str, message: str) -> None:
    with pytest.raises(RouteTemplateError, match=re.escape(message)):
        RouteTemplate.parse(template)


@pytest.mark.parametrize(
    ("constraint", "good", "bad"),
    [
        ("int", ["0", "-12", "+7", "2147483647", "-2147483648"], ["2147483648", "-2147483649", "x", "1.0"]),
        ("long", ["2147483648", "9223372036854775807"], ["9223372036854775808", "x"]),
        ("bool", ["true", "FALSE"], ["1", "yes"]),
        ("alpha", ["abcXYZ"], ["a1", "\u00e9"]),
        (
            "guid",
            ["0af7651916cd43dd8448eb211c80319c", "{0af76519-16cd-43dd-8448-eb211c80319c}"],
            ["0af7", "x"],
        ),
        ("decimal", ["1.5", "-2"], ["1e5", "x"]),
        ("double", ["1.5", "1e5"], ["x"]),
        ("datetime", ["2026-01-31", "2026-01-31T10:00:00Z", "12:30"], ["2026-13-01", "x"]),
        ("min(3)", ["3", "9"], ["2", "x"]),
        ("max(3)", ["3", "-9"], ["4", "x"]),
        ("range(2,4)", ["2", "4"], ["1", "5", "x"]),
        ("length(3)", ["abc"], ["ab", "abcd"]),
        ("length(2,3)", ["ab", "abc"], ["a", "abcd"]),
        ("minlength(2)", ["ab"], ["a"]),
        ("maxlength(2)", ["ab"], ["abc"]),
        ("regex(^a[bc]+$)", ["abc", "ABC"], ["ad"]),
        ("int:min(3)", ["3"], ["2"]),
        ("file", ["a.txt"], ["a", "a."]),
        ("nonfile", ["a"], ["a.txt"]),
        ("required", ["a"], []),
    ],
)
def test_a_constraint_decides_after_the_template_has_matched(
    constraint: str, good: list[str], bad: list[str]
) -> None:
    template = RouteTemplate.parse(f"orders/{{id:{constraint}}}")
    for value in good:
        assert template.match(f"/orders/{value}") == {"id": value}
    for value in bad:
        assert template.match(f"/orders/{value}") is None
