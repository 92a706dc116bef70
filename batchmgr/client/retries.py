"""When a request is sent again: as long as the app can't be reached, restarts, or is busy.

Every request of this client may be sent twice: those that would do something twice have a key, or are
answered alike.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count
from time import monotonic

from batchmgr.client.exchange import Flow, NoAnswerError, Pause, Reply, Request, problem_of, refusal
from batchmgr.errors import AppUnavailableError

PASSING = frozenset({408, 429, 502, 503, 504})
"""The statuses of what may pass."""

LONGEST_PAUSE_S = 30.0
"""Whatever `Retry-After` says."""

Report = Callable[[str, float], None]
"""Is told why a request is sent again, and in how many seconds."""


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """How long a request is sent again, in seconds, and who is told of it."""

    patience_s: float
    report: Report | None = None


def send(request: Request, policy: RetryPolicy) -> Flow[Reply]:
    """Send a request until it is answered. Raise AppUnavailableError when the patience is at its end."""
    patience = policy.patience_s if request.patience_s is None else request.patience_s
    began = monotonic()
    for number in count():
        try:
            reply: Reply = yield request
        except NoAnswerError as error:
            trouble, asked = AppUnavailableError(str(error)), None
        else:
            if not may_pass(reply):
                return replace(reply, tries=number + 1)
            said = refusal(reply)
            trouble = AppUnavailableError(str(said), status=said.status, code=said.code)
            asked = retry_after(reply)
        pause = pause_before(number, asked)
        if monotonic() - began + pause > patience:
            raise trouble
        if policy.report:
            policy.report(str(trouble), pause)
        yield Pause(pause)
    raise AssertionError("unreachable")


def may_pass(reply: Reply) -> bool:
    """Return whether the same request may be answered otherwise soon."""
    if reply.status not in PASSING:
        return False
    problem = problem_of(reply)
    return problem.get("code") != "NotConfigured" and problem.get("title") != "batchmgr is not configured"


def retry_after(reply: Reply) -> float | None:
    """Return how many seconds the app asks to wait. A date is not read: only whole seconds are sent."""
    text = reply.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def pause_before(number: int, asked: float | None) -> float:
    """Return how long to wait before the next try. `number` tries have failed before this one."""
    if asked is not None:
        return min(asked, LONGEST_PAUSE_S)
    grown: float = min(0.25 * 2.0 ** min(number, 10), 10.0)
    return grown * random.uniform(0.5, 1.0)  # noqa: S311  # so that callers do not come all at once
