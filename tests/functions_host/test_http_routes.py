"""Route templates match as ASP.NET's do."""

import pytest

from functions_host.errors import ConfigurationError
from functions_host.http_routes import Router, RouteTemplate


@pytest.mark.parametrize(
    ("template", "path", "values"),
    [
        ("jobs", "jobs", {}),
        ("jobs", "JOBS", {}),
        ("jobs", "jobs/1", None),
        ("jobs/{id}", "jobs/a-1", {"id": "a-1"}),
        ("jobs/{id}", "jobs/", None),
        ("jobs/{id}", "jobs/a/b", None),
        ("jobs/{id:int}", "jobs/12", {"id": "12"}),
        ("jobs/{id:int}", "jobs/x", None),
        (
            "jobs/{id:guid}",
            "jobs/0af76519-16cd-43dd-8448-eb211c80319c",
            {"id": "0af76519-16cd-43dd-8448-eb211c80319c"},
        ),
        ("jobs/{id?}", "jobs", {}),
        ("jobs/{id?}", "jobs/7", {"id": "7"}),
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
    for template in ("jobs/{*rest}", "jobs/{id}", "jobs/{id:int}", "jobs/active"):
        router.add(template, [], template)
    for path, expected in {
        "jobs/active": "jobs/active",
        "jobs/1": "jobs/{id:int}",
        "jobs/x": "jobs/{id}",
        "jobs/x/y": "jobs/{*rest}",
    }.items():
        found = router.find("GET", path)
        assert found is not None
        assert found[0] == expected


def test_a_route_for_another_method_does_not_hide_one_that_fits() -> None:
    router: Router[str] = Router()
    router.add("jobs/active", ["POST"], "post")
    router.add("jobs/{id}", ["GET"], "get")
    assert router.find("GET", "/jobs/active") == ("get", {"id": "active"})
    assert router.find("PUT", "/jobs/active") is None


def test_an_unknown_constraint_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="'prime'"):
        RouteTemplate.parse("jobs/{id:prime}")
