"""Route templates match as in ASP.NET."""

import pytest

from functions_host.errors import ConfigurationError
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
    ],
)
def test_a_template_gives_its_route_values(template: str, path: str, values: dict[str, str] | None) -> None:
    assert RouteTemplate.parse(template).match(path) == values


def test_the_more_specific_route_wins_whatever_the_order() -> None:
    router: Router[str] = Router()
    for template in ("orders/{*rest}", "orders/{id}", "orders/{id:int}", "orders/active"):
        router.add(template, [], template)
    for path, expected in {
        "orders/active": "orders/active",
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


def test_an_unknown_constraint_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="'prime'"):
        RouteTemplate.parse("orders/{id:prime}")
