"""The contract of the PoisonQueues port."""

import pytest

from batchmgr.ports import Ports
from batchmgr.queue_ports import PoisonMessage, PoisonQueue
from tests.contract.port_sets import PortSet

REQUESTS = PoisonQueue.REQUESTS


async def kept(ports: Ports, *bodies: str) -> list[PoisonMessage]:
    for body in bodies:
        await ports.queue.dead_letter_request(body.encode())
    return list(await ports.poison.undecided(REQUESTS))


async def test_messages_are_read_as_they_came(ports: Ports) -> None:
    found = await kept(ports, '  {"not": json,\n "ü"', "aGVsbG8=")
    assert sorted(message.body.decode() for message in found) == ['  {"not": json,\n "ü"', "aGVsbG8="]
    assert len({message.id for message in found}) == 2


async def test_a_message_that_is_put_back_is_on_its_queue_as_it_was_and_can_be_removed(
    port_set: PortSet,
) -> None:
    for body in ("aGVsbG8=", '{"jobId": "ü"}'):
        [message] = await kept(port_set.ports, body)
        await port_set.ports.poison.put_back(message)
        await port_set.ports.poison.remove(message)
        assert not await port_set.ports.poison.undecided(REQUESTS)
    returned = await port_set.messages("batchmgr-job-requests")
    assert returned[0] in {"hello", "aGVsbG8="}  # the test may have decoded it
    assert returned[1] == '{"jobId": "ü"}'
    assert await port_set.messages(REQUESTS) == []


async def test_a_message_that_is_kept_is_seen_by_others_and_not_taken_again(port_set: PortSet) -> None:
    [message] = await kept(port_set.ports, "one")
    await port_set.ports.poison.keep(message)
    assert await port_set.messages(REQUESTS) == ["one"]
    [other] = await kept(port_set.ports, "two")
    assert other.body == b"two"
    assert "one" in await port_set.messages(REQUESTS)


async def test_more_messages_than_a_page_holds_are_all_found(ports: Ports) -> None:
    found = await kept(ports, *(f"m{n}" for n in range(40)))
    assert {message.body.decode() for message in found} == {f"m{n}" for n in range(40)}
    for message in found:
        await ports.poison.keep(message)
    await ports.queue.dead_letter_request(b"behind them")
    assert [message.body for message in await ports.poison.undecided(REQUESTS)] == [b"behind them"]


async def test_the_counts_are_of_the_queues_that_hold_something(ports: Ports) -> None:
    assert await ports.poison.counts() == {}
    await kept(ports, "one", "two")
    await ports.queue.dead_letter_callback("job-1")
    assert await ports.poison.counts() == {
        "batchmgr-job-requests-poison": 2,
        "batchmgr-callbacks-poison": 1,
    }


@pytest.mark.parametrize("queue", PoisonQueue)
async def test_a_queue_that_is_empty_or_missing_has_no_messages(ports: Ports, queue: PoisonQueue) -> None:
    assert list(await ports.poison.undecided(queue)) == []
