"""The contract of the EventLog port."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
import pytest

from batchmgr.errors import LogChangedError
from batchmgr.model.cloud_event import Event, LogEnd
from batchmgr.ports import Ports
from tests.contract.port_sets import PortSet
from tests.event_log import append

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def event(name: str, padding: int = 0) -> Event:
    body = msgspec.Raw(msgspec.json.encode({"text": "ü" * padding}))
    return Event(id=name, type="batchmgr.job.progress", subject="jobs/j", time=NOW, body=body)


def numbers(events: Sequence[Event]) -> list[int]:
    return [int(one.sequence) for one in events]


async def test_events_are_numbered_from_one_across_appends(ports: Ports) -> None:
    _, end = await append(ports.events, "j", [event("a"), event("b")], 0)
    logged, _ = await append(ports.events, "j", [event("c")], end)
    assert numbers(logged) == [3]
    assert [one.id for one in await ports.events.read("j", 0, 10)] == ["a", "b", "c"]


async def test_events_in_the_log_after_the_offset_are_not_appended_again(ports: Ports) -> None:
    _, offset = await append(ports.events, "j", [event("a")], 0)
    await append(ports.events, "j", [event("b"), event("c")], offset)
    logged, end = await append(ports.events, "j", [event("b"), event("d"), event("c")], offset)
    assert [(one.id, int(one.sequence)) for one in logged] == [("b", 2), ("d", 4), ("c", 3)]
    assert numbers(await ports.events.read("j", 0, 10)) == [1, 2, 3, 4]
    assert end > offset


async def test_an_append_without_new_events_does_not_change_the_log(ports: Ports) -> None:
    _, end = await append(ports.events, "j", [event("a")], 0)
    assert await append(ports.events, "j", [event("a")], 0) == (await ports.events.read("j", 0, 9), end)


async def test_writers_at_the_same_time_lose_no_event_and_no_number(ports: Ports) -> None:
    await asyncio.gather(
        *(append(ports.events, "j", [event(f"{writer}-{n}") for n in range(5)], 0) for writer in range(6))
    )
    log = await ports.events.read("j", 0, 100)
    assert numbers(log) == list(range(1, 31))
    assert len({one.id for one in log}) == 30


async def test_reading_starts_after_a_sequence_and_stops_at_the_limit(ports: Ports) -> None:
    await append(ports.events, "j", [event(str(n)) for n in range(10)], 0)
    assert numbers(await ports.events.read("j", 3, 4)) == [4, 5, 6, 7]
    assert numbers(await ports.events.read("j", 10, 4)) == []


async def test_a_job_without_events_has_an_empty_log(ports: Ports) -> None:
    assert list(await ports.events.read("none", 0, 10)) == []


async def test_the_case_of_the_job_id_does_not_matter(ports: Ports) -> None:
    await append(ports.events, "Job", [event("a")], 0)
    assert numbers(await ports.events.read("jOB", 0, 10)) == [1]


async def test_a_log_of_many_megabytes_is_written_and_read_by_sequence(ports: Ports) -> None:
    _, end = await append(ports.events, "j", [event(str(n), padding=1000) for n in range(3000)], 0)
    await append(ports.events, "j", [event("last")], end)
    for after in (0, 1, 1499, 2999, 3000):
        assert numbers(await ports.events.read("j", after, 3)) == [
            n for n in range(after + 1, after + 4) if n <= 3001
        ]


async def test_a_log_that_continues_in_next_parts_reads_as_one(port_set: PortSet) -> None:
    log, end = port_set.log_of_small_parts(), 0
    for number in range(11):
        logged, end = await append(log, "j", [event(f"{number}-a"), event(f"{number}-b")], end)
        assert numbers(logged) == [2 * number + 1, 2 * number + 2]
    for after in range(23):
        assert numbers(await log.read("j", after, 5)) == [n for n in range(after + 1, after + 6) if n <= 22]
    assert numbers(await log.read("j", 0, 1000)) == list(range(1, 23))
    assert list(await log.read("j-", 0, 10)) == []


async def test_an_event_in_an_earlier_part_is_not_appended_again(port_set: PortSet) -> None:
    log = port_set.log_of_small_parts()
    _, offset = await append(log, "j", [event("a")], 0)
    end = offset
    for name in "bcdefgh":
        _, end = await append(log, "j", [event(name)], end)
    again, same = await append(log, "j", [event("b"), event("h")], offset)
    assert (numbers(again), same) == ([2, 8], end)
    for _ in range(2):  # a part that is still empty is no beginning
        assert numbers((await append(log, "j", [event("i")], same))[0]) == [9]
        assert (await append(log, "j", [event("h"), event("i")], offset))[0][1].sequence == f"{9:010d}"


async def test_writers_at_the_same_time_lose_nothing_where_one_part_ends(port_set: PortSet) -> None:
    log = port_set.log_of_small_parts()
    await asyncio.gather(*(append(log, "j", [event(f"{n}-a"), event(f"{n}-b")], 0) for n in range(9)))
    read = await log.read("j", 0, 100)
    assert numbers(read) == list(range(1, 19))
    assert len({one.id for one in read}) == 18


async def test_an_event_larger_than_what_is_read_at_once_does_not_restart_the_numbers(ports: Ports) -> None:
    _, end = await append(ports.events, "j", [event("a"), event("large", padding=300_000)], 0)
    logged, _ = await append(ports.events, "j", [event("b")], end)
    assert numbers(logged) == [3]
    assert numbers(await ports.events.read("j", 1, 5)) == [2, 3]


async def test_an_append_where_somebody_else_was_faster_is_refused_and_changes_nothing(ports: Ports) -> None:
    end = await ports.events.end("j", 0)
    await ports.events.append("j", [event("a")], end)
    with pytest.raises(LogChangedError):
        await ports.events.append("j", [event("b")], end)
    assert [one.id for one in await ports.events.read("j", 0, 9)] == ["a"]


async def test_a_log_can_be_continued_where_it_ended_without_a_look_at_it(ports: Ports) -> None:
    _, offset = await append(ports.events, "j", [event("a"), event("b")], 0)
    logged, offset = await ports.events.append("j", [event("c")], LogEnd(offset=offset, last=2))
    await ports.events.append("j", [event("d")], LogEnd(offset=offset, last=int(logged[-1].sequence)))
    assert numbers(await ports.events.read("j", 0, 9)) == [1, 2, 3, 4]


async def test_a_log_that_was_deleted_is_not_continued(ports: Ports) -> None:
    _, offset = await append(ports.events, "j", [event("a")], 0)
    await ports.events.delete("j")
    with pytest.raises(LogChangedError):
        await ports.events.append("j", [event("b")], LogEnd(offset=offset, last=1))
    assert list(await ports.events.read("j", 0, 9)) == []


async def test_the_end_of_the_log_has_what_was_added_after_an_offset(ports: Ports) -> None:
    _, offset = await append(ports.events, "j", [event("a")], 0)
    _, last = await append(ports.events, "j", [event("b"), event("c")], offset)
    end = await ports.events.end("j", offset)
    assert ([one.id for one in end.after], end.offset, end.last) == (["b", "c"], last, 3)
    end = await ports.events.end("j", last)
    assert (list(end.after), end.offset, end.last) == ([], last, 3)


async def test_the_ids_between_two_offsets_are_those_that_were_added_there(ports: Ports) -> None:
    _, first = await append(ports.events, "j", [event("a"), event("b")], 0)
    _, second = await append(ports.events, "j", [event("c"), event("d", padding=300_000)], first)
    _, third = await append(ports.events, "j", [event("e")], second)
    assert set(await ports.events.ids("j", 0, third)) == set("abcde")
    assert set(await ports.events.ids("j", first, third)) == set("cde")
    assert set(await ports.events.ids("j", first, second)) == set("cd")
    assert set(await ports.events.ids("j", third, third)) == set()
    assert set(await ports.events.ids("j", 0, first)) == set("ab")


async def test_the_ids_are_also_those_that_another_process_has_added(port_set: PortSet) -> None:
    one, other = port_set.log_of_small_parts(), port_set.log_of_small_parts()
    end, offsets = 0, [0]
    for number in range(12):
        log = (one, other)[number % 2]
        _, end = await append(log, "j", [event(f"{number}")], end)
        offsets.append(end)
    for log in (one, other):
        for start in (0, 3, 7):
            expected = {f"{number}" for number in range(start, 12)}
            assert set(await log.ids("j", offsets[start], end)) == expected


async def test_all_lines_are_read_from_one_offset_to_the_next_across_parts(port_set: PortSet) -> None:
    log, end = port_set.log_of_small_parts(), 0
    assert await log.lines("j", 0) == (b"", 0)
    for number in range(7):
        _, end = await append(log, "j", [event(f"{number}-{n}", padding=100) for n in range(3)], end)
    offset, found = 0, list[str]()
    while True:
        lines, offset = await log.lines("J", offset)
        if not lines:
            break
        found += [msgspec.json.decode(line, type=Event).id for line in lines.splitlines()]
    assert found == [f"{number}-{n}" for number in range(7) for n in range(3)]
    assert offset == end
    await append(log, "j", [event("later")], end)
    lines, later = await log.lines("j", offset)
    assert msgspec.json.decode(lines, type=Event).id == "later"
    assert await log.lines("j", later) == (b"", later)
