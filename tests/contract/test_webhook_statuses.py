"""The contract of the WebhookStatuses port."""

from datetime import UTC, datetime

import pytest

from batchmgr.errors import RecordChangedError
from batchmgr.model.job_record_parts import CallbackState
from batchmgr.model.webhook import WebhookStatus
from batchmgr.ports import Ports

UNTIL = datetime(2026, 1, 1, tzinfo=UTC)


async def test_a_status_is_new_until_one_is_saved(ports: Ports) -> None:
    assert await ports.webhooks.load("job-1", 0) == WebhookStatus()
    saved = await ports.webhooks.save("job-1", 0, WebhookStatus().sending(7, UNTIL))
    assert await ports.webhooks.load("JOB-1", 0) == saved
    assert (saved.state, saved.through, saved.attempts) == (CallbackState.SENDING, 7, 1)
    assert await ports.webhooks.load("job-1", 1) == WebhookStatus()
    assert await ports.webhooks.load("job-10", 0) == WebhookStatus()


async def test_of_two_who_have_loaded_the_same_status_one_saves(ports: Ports) -> None:
    for number in (0, 4):  # none is stored, then one
        first = await ports.webhooks.load("job-1", number)
        for turn in range(2):
            second = first
            first = await ports.webhooks.save("job-1", number, first.sending(turn + 1, UNTIL))
            with pytest.raises(RecordChangedError):
                await ports.webhooks.save("job-1", number, second.sending(9, UNTIL))
            assert await ports.webhooks.load("job-1", number) == first


async def test_what_is_deleted_is_gone_and_not_saved_by_who_had_it(ports: Ports) -> None:
    kept = await ports.webhooks.save("job-2", 0, WebhookStatus().sending(1, UNTIL))
    saved = [await ports.webhooks.save("job-1", n, WebhookStatus().sending(1, UNTIL)) for n in (0, 1)]
    for _ in range(2):
        await ports.webhooks.delete("Job-1")
    assert await ports.webhooks.load("job-1", 0) == WebhookStatus()
    with pytest.raises(RecordChangedError):
        await ports.webhooks.save("job-1", 0, saved[0].delivered())
    assert await ports.webhooks.load("job-1", 0) == WebhookStatus()
    assert await ports.webhooks.load("job-2", 0) == kept
