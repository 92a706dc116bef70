"""Which key opens what."""

from collections.abc import Mapping
from typing import Any

import pytest
from multidict import CIMultiDict

from functions_host.access_keys import Access, AccessKeys
from functions_host.http_targets import Query

KEYS: Mapping[str, Any] = {"master": "master-key", "function": "function-key", "system": "system-key"}


def allows(level: str, query: str = "", **headers: str) -> bool:
    keys = AccessKeys(enabled=True, **KEYS)
    given = CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()})
    return keys.allows_function("f", level, given, Query(query))


@pytest.mark.parametrize(
    ("level", "key", "allowed"),
    [
        ("anonymous", "wrong", True),
        ("function", "function-key", True),
        ("function", "master-key", True),
        ("function", "system-key", False),
        ("function", "wrong", False),
        ("function", "", False),
        ("admin", "function-key", False),
        ("admin", "master-key", True),
    ],
)
def test_a_level_is_opened_by_its_key_and_the_master_key(level: str, key: str, allowed: bool) -> None:
    assert allows(level, x_functions_key=key) is allowed
    assert allows(level, f"code={key}") is allowed
    assert allows(level, f"CODE={key}") is allowed


def test_the_header_decides_even_if_it_is_empty() -> None:
    assert not allows("function", "code=function-key", x_functions_key="")
    assert not allows("function", "code=function-key", x_functions_key="wrong")
    assert allows("function", "code=wrong", X_FUNCTIONS_KEY="function-key")


def test_of_two_codes_the_first_counts() -> None:
    assert allows("function", "code=function-key&code=wrong")
    assert not allows("function", "code=wrong&code=function-key")


def test_a_key_in_other_letters_is_good_once_the_right_one_was_used() -> None:
    keys = AccessKeys(enabled=True, **KEYS)
    for key, allowed in (("FUNCTION-KEY", False), ("function-key", True), ("FUNCTION-KEY", True)):
        headers = CIMultiDict({"x-functions-key": key})
        assert keys.allows_function("f", "function", headers, Query("")) is allowed


@pytest.mark.parametrize(
    ("key", "admin", "blobs", "other"),
    [
        ("", Access.NO_KEY, Access.NO_KEY, Access.NO_KEY),
        ("wrong", Access.NO_KEY, Access.NO_KEY, Access.NO_KEY),
        ("function-key", Access.WRONG_KEY, Access.WRONG_KEY, Access.WRONG_KEY),
        ("system-key", Access.WRONG_KEY, Access.ALLOWED, Access.WRONG_KEY),
        ("master-key", Access.ALLOWED, Access.ALLOWED, Access.ALLOWED),
    ],
)
def test_the_hosts_own_endpoints(key: str, admin: Access, blobs: Access, other: Access) -> None:
    keys, headers = AccessKeys(enabled=True, **KEYS), CIMultiDict({"x-functions-key": key})
    assert keys.admin_access(headers, Query("")) is admin
    assert keys.webhook_access("blobs", headers, Query("")) is blobs
    assert keys.webhook_access("other", headers, Query("")) is other


def test_without_checks_no_key_is_needed() -> None:
    keys, headers = AccessKeys(enabled=False), CIMultiDict[str]()
    assert keys.allows_function("f", "admin", headers, Query(""))
    assert keys.admin_access(headers, Query("")) is Access.ALLOWED
