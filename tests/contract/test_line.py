"""The contract of the Line port."""

from datetime import UTC, datetime, timedelta

from batchmgr.model.ticket import Ticket, new_ticket
from batchmgr.ports import Ports


def ticket(number: int, priority: int = 0) -> Ticket:
    created_at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(microseconds=number)
    return new_ticket(job_id=f"Job-{number}", priority=priority, created_at=created_at, caller="", line=())


async def test_the_line_is_empty_at_first(ports: Ports) -> None:
    assert list(await ports.line.first()) == []


async def test_tickets_are_found_in_their_order(ports: Ports) -> None:
    line = [ticket(3), ticket(1, priority=-1000), ticket(10), ticket(2), ticket(4, priority=1000)]
    for one in line:
        await ports.line.join(one)
    assert list(await ports.line.first()) == sorted(line)
    assert list(await ports.line.first(limit=2)) == [line[4], line[3]]


async def test_a_ticket_may_join_twice_and_leave_twice(ports: Ports) -> None:
    for _ in range(2):
        await ports.line.join(ticket(1))
    await ports.line.join(ticket(2))
    assert list(await ports.line.first()) == [ticket(1), ticket(2)]
    for _ in range(2):
        await ports.line.leave(ticket(1))
    assert list(await ports.line.first()) == [ticket(2)]


async def test_tickets_are_no_records_and_activate_no_job(ports: Ports) -> None:
    await ports.line.join(ticket(1))
    assert await ports.jobs.list_ids(10, "") == ([], "")
    assert [job async for job in ports.jobs.active_jobs()] == []
