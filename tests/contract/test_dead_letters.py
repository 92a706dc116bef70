"""The contract of the DeadLetters port."""

from datetime import timedelta

import pytest

from batchmgr import queue_ports
from batchmgr.dispatcher import memory_queues
from batchmgr.model.dead_letter import DeadLetter, callback_letter, message_letter
from batchmgr.model.job_record_parts import CallbackState, CallbackStatus
from batchmgr.ports import Ports
from tests.contract.test_event_log import NOW


def letter(number: int) -> DeadLetter:
    """Return one of several letters; those with higher numbers are newer."""
    return message_letter("q", f"m-{number}", NOW + timedelta(seconds=number), f"reason {number}")


async def test_the_newest_letters_come_first_page_by_page(ports: Ports) -> None:
    for number in (2, 1, 3, 5, 4):
        await ports.dead_letters.add(letter(number))
    first, after = await ports.dead_letters.page(2, "")
    second, next_after = await ports.dead_letters.page(2, after)
    last, end = await ports.dead_letters.page(2, next_after)
    assert [*first, *second, *last] == [letter(number) for number in (5, 4, 3, 2, 1)]
    assert end == ""


async def test_the_same_letter_is_kept_once(ports: Ports) -> None:
    status = CallbackStatus(state=CallbackState.DEAD, attempts=3, last_error="no", given_up_at=NOW)
    for receiver in ("host:443", "later"):
        await ports.dead_letters.add(callback_letter("job-1", "", receiver, status))
    [found], _ = await ports.dead_letters.page(10, "")
    assert (found.job_id, found.receiver, found.reason, found.time) == ("job-1", "host:443", "no", NOW)


async def test_a_letter_can_be_removed_twice(ports: Ports) -> None:
    await ports.dead_letters.add(letter(1))
    await ports.dead_letters.remove(letter(1).id)
    await ports.dead_letters.remove(letter(1).id)
    assert await ports.dead_letters.page(10, "") == ([], "")


async def test_letters_are_no_records_and_activate_no_job(ports: Ports) -> None:
    await ports.dead_letters.add(letter(1))
    assert await ports.jobs.list_ids(10, "") == ([], "")
    assert [job.job_id async for job in ports.jobs.active_jobs()] == []


async def test_of_too_many_letters_the_oldest_go(ports: Ports, monkeypatch: pytest.MonkeyPatch) -> None:
    from batchmgr.adapters import blob_dead_letters

    for module in (queue_ports, memory_queues, blob_dead_letters):
        monkeypatch.setattr(module, "MOST_LETTERS", 3)
    for number in range(5):
        await ports.dead_letters.add(letter(number))
    found, _ = await ports.dead_letters.page(10, "")
    assert found == [letter(number) for number in (4, 3, 2)]


async def test_a_page_after_something_else_than_a_letter_is_a_page(ports: Ports) -> None:
    await ports.dead_letters.add(letter(1))
    assert await ports.dead_letters.page(10, "../x?") == ([letter(1)], "")


async def test_the_letters_before_a_time_are_the_older_ones(ports: Ports) -> None:
    for number in (1, 2, 3):
        await ports.dead_letters.add(letter(number))
    times = sorted(letter(number).time for number in (1, 2, 3))
    older = await ports.dead_letters.older(times[1], 10)
    assert list(older) == [one.id for one in map(letter, (1, 2, 3)) if one.time == times[0]]
    later = times[-1] + timedelta(seconds=1)
    assert len(await ports.dead_letters.older(later, 10)) == 3
    assert len(await ports.dead_letters.older(later, 2)) == 2
