"""What is drawn at random is sent to the running app: no answer is a 5xx, and the app stays well."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.functions.test_http_fuzz import BODIES, PARAMS, TEXTS
from tests.integration.client import Answer, Client

pytestmark = pytest.mark.thorough  # some minutes: the accepted ones run
SOME = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
"""One stack and one client for all examples."""


def assert_is_no_bug(answer: Answer) -> None:
    assert answer.status < 500, answer.text
    if answer.status >= 400 and answer.text:  # the host itself answers without a text
        assert json.loads(answer.text)["detail"]


@SOME
@given(st.sampled_from(["/jobs", "/plan"]), BODIES)
async def test_no_body_makes_a_5xx_on_the_stack(client: Client, path: str, body: bytes) -> None:
    assert_is_no_bug(await client.post(path, body))


@SOME
@given(st.sampled_from(["/jobs", "/jobs/x/tasks", "/jobs/x/events", "/jobs/x"]), PARAMS)
async def test_no_query_makes_a_5xx_on_the_stack(client: Client, path: str, query: dict[str, str]) -> None:
    short = {name: text[:2000].encode(errors="ignore").decode() for name, text in query.items()}
    assert_is_no_bug(await client.get(path, **short))


@SOME
@given(TEXTS)
async def test_no_token_of_a_page_makes_a_5xx_on_the_stack(client: Client, text: str) -> None:
    token = text[:5000].encode(errors="ignore").decode()
    assert_is_no_bug(await client.get("/jobs", after=token, limit=1))


async def test_the_app_is_well_all_the_same(client: Client) -> None:
    assert (await client.get("/health")).body == {"status": "healthy"}
