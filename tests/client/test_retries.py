"""When a request is sent again, and how long a caller waits, without a network or a clock."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from batchmgr.client.calls import post
from batchmgr.client.exchange import NoAnswerError, Pause, Reply, Request, Run
from batchmgr.client.retries import LONGEST_PAUSE_S, RetryPolicy, retry_after, send
from batchmgr.errors import AppUnavailableError

ASKED = Request(path="/jobs/a")
OK = Reply(status=200, headers={}, content=b"{}")


def answered(status: int, after: str = "", **problem: Any) -> Reply:
    headers = {"retry-after": after} if after else {}
    return Reply(status=status, headers=headers, content=json.dumps(problem).encode() if problem else b"")


def run(answers: Sequence[Reply | NoAnswerError], patience_s: float = 100) -> tuple[Reply, list[float]]:
    """Answer the flow in order. Return its result, and the pauses it has asked for."""
    told: list[float] = []
    policy = RetryPolicy(patience_s=patience_s, report=lambda why, pause: told.append(pause))
    flow, left, pauses = Run(send(ASKED, policy)), list(answers), []
    step = flow.next_step()
    while step is not None:
        if isinstance(step, Pause):
            pauses.append(step.seconds)
            step = flow.next_step()
            continue
        assert step == ASKED
        answer = left.pop(0)
        step = flow.next_step(error=answer) if isinstance(answer, NoAnswerError) else flow.next_step(answer)
    assert told == pauses
    assert not left
    return flow.result, pauses


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_may_pass_is_sent_again_after_the_time_that_the_app_asks_for(status: int) -> None:
    reply, pauses = run([answered(status, "7"), answered(status, "0"), OK])
    assert (reply.status, reply.tries, pauses) == (200, 3, [7.0, 0.0])


def test_a_lost_connection_is_tried_again_each_time_a_little_later() -> None:
    _, pauses = run([NoAnswerError("lost")] * 6 + [OK])
    assert len(pauses) == 6
    assert all(0 < pause <= 10 for pause in pauses)
    assert pauses[0] < 0.3 < pauses[5]


@pytest.mark.parametrize(
    ("text", "seconds"), [("86400", 86400), ("-1", None), ("soon", None), ("9" * 12, None)]
)
def test_what_the_app_asks_for_is_not_trusted(text: str, seconds: float | None) -> None:
    assert retry_after(answered(503, text)) == seconds
    _, pauses = run([answered(503, text), OK])
    assert pauses[0] <= LONGEST_PAUSE_S


@pytest.mark.parametrize("status", [400, 401, 404, 409, 413, 416, 500])
def test_what_will_not_pass_is_sent_once(status: int) -> None:
    assert run([answered(status)])[0].status == status


@pytest.mark.parametrize("said", [{"code": "NotConfigured"}, {"title": "batchmgr is not configured"}])
def test_an_app_without_a_setting_is_not_asked_again(said: dict[str, str]) -> None:
    assert run([answered(503, "5", **said)])[0].status == 503


def test_the_patience_has_an_end_and_the_error_says_what_the_app_said() -> None:
    with pytest.raises(AppUnavailableError, match="Batch is busy") as caught:
        run([answered(503, "30", detail="Batch is busy", code="ServiceBusy")], patience_s=20)
    assert (caught.value.status, caught.value.code, caught.value.retryable) == (503, "ServiceBusy", True)
    with pytest.raises(AppUnavailableError, match="nobody there"):
        run([NoAnswerError("nobody there")], patience_s=0)


def test_a_request_may_have_a_patience_of_its_own() -> None:
    flow = Run(send(Request(path="/a", patience_s=0), RetryPolicy(patience_s=100)))
    flow.next_step()
    with pytest.raises(AppUnavailableError):
        flow.next_step(error=NoAnswerError("gone"))


def test_a_post_without_a_body_has_none() -> None:
    assert post("/uploads").body == b""
    assert post("/uploads", {"path": "a"}).body == b'{"path":"a"}'
