"""The search for secrets finds them in every form: else a test that finds none says nothing."""

import base64
import json
from urllib.parse import quote

import pytest

from tests.secret_search import Written, leaks

SECRET = "s3cret/of a+job=="


@pytest.mark.parametrize(
    "text",
    [
        f"GET https://a.example/{SECRET}",
        f"GET https://a.example/{quote(SECRET)}",
        f"GET https://a.example/{quote(quote(SECRET, safe=''), safe='')}",
        json.dumps({"body": json.dumps({"uri": SECRET})}),
        *(base64.b64encode(f"{'x' * before}{SECRET}yy".encode()).decode() for before in range(4)),
    ],
)
def test_a_secret_is_found_in_every_form(text: str) -> None:
    written = [Written(place="log", content=f"before {text} after".encode())]
    assert leaks(written, {"the secret": SECRET}, lambda *_: False) == ["the secret is in log"]
    assert leaks(written, {"the secret": SECRET}, lambda *_: True) == []
    assert leaks(written, {"another": "something-else"}, lambda *_: False) == []
