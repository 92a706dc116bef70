"""Events in queue messages."""

import base64
import json
from datetime import UTC, datetime

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from batchmgr.model.cloud_event import Event
from batchmgr.model.size_limits import MAX_EVENT
from batchmgr.wire.event_batches import MAX_BATCH, event_batches

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def event(number: int, size: int) -> Event:
    return Event(
        id=f"e{number}", type="t", subject="s", time=NOW, body=msgspec.Raw(b'{"text":"%b"}' % (b"x" * size))
    )


@given(st.lists(st.sampled_from([0, 500, 20_000, MAX_EVENT - 400]), max_size=30))
def test_each_event_is_in_one_message_in_order_and_no_message_is_too_large(sizes: list[int]) -> None:
    batches = list(event_batches(event(number, size) for number, size in enumerate(sizes)))
    assert all(len(batch) <= MAX_BATCH for batch in batches)
    sent = [one["id"] for batch in batches for one in json.loads(batch)]
    assert sent == [f"e{number}" for number in range(len(sizes))]


def test_small_events_share_a_message() -> None:
    assert len(list(event_batches(event(number, 400) for number in range(80)))) == 1


def test_the_largest_batch_fits_into_a_queue_message_in_base64() -> None:
    assert len(base64.b64encode(b"x" * MAX_BATCH)) <= 64 * 1024


def test_an_event_that_is_too_large_is_left_out() -> None:
    batches = list(event_batches([event(1, 10), event(2, MAX_EVENT), event(3, 10)]))
    assert [one["id"] for batch in batches for one in json.loads(batch)] == ["e1", "e3"]
