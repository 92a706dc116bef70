"""Tickets sort in the order in which jobs are let in, and their names do so too."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from batchmgr.model.ticket import Ticket, new_ticket

START = datetime(2026, 1, 1, tzinfo=UTC)

TICKETS = st.builds(
    new_ticket,
    job_id=st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True),
    priority=st.integers(-1000, 1000),
    created_at=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)),
    caller=st.sampled_from(["", "a", "b", "a caller / with any text é"]),
    line=st.just(()),
)


def ticket(number: int, *line: Ticket, caller: str = "", priority: int = 0) -> Ticket:
    """The ticket of a job that is `number` seconds younger than the first."""
    created_at = START + timedelta(seconds=number)
    return new_ticket(
        job_id=f"{caller}{number}", priority=priority, created_at=created_at, caller=caller, line=line
    )


@given(TICKETS)
def test_a_name_is_read_as_the_ticket_that_it_was_made_of(one: Ticket) -> None:
    assert Ticket.of(one.name) == one


@given(st.lists(TICKETS, unique=True))
def test_names_sort_as_their_tickets_do(tickets: list[Ticket]) -> None:
    assert sorted(one.name for one in tickets) == [one.name for one in sorted(tickets)]


def test_a_foreign_name_is_no_ticket() -> None:
    assert [Ticket.of(name) for name in ("", "readme.txt", "1000/0/x/job")] == [None, None, None]


def test_priority_goes_before_age() -> None:
    line = [ticket(0), ticket(1, priority=-5), ticket(2, priority=1000), ticket(3, priority=7), ticket(4)]
    assert [one.key for one in sorted(line)] == ["2", "3", "0", "4", "1"]


def test_callers_take_turns_whatever_they_have_sent_before() -> None:
    line: list[Ticket] = []
    for number in range(4):
        line.append(ticket(number, *line, caller="many"))
    line += [ticket(10, *line, caller="one"), ticket(11, *line, caller="two")]
    line.append(ticket(12, *line, caller="one"))
    assert [one.key for one in sorted(line)] == [
        "many0",
        "one10",
        "two11",
        "many1",
        "one12",
        "many2",
        "many3",
    ]


def test_a_caller_who_comes_again_and_again_gets_every_second_place_and_no_more() -> None:
    line = [ticket(0, caller="many")]
    for number in range(1, 20):
        line.append(ticket(number, *line, caller="many"))
    let_in, number = [], 100
    for _ in range(10):
        if not any(one.key.startswith("few") for one in line):
            line.append(ticket(number, *line, caller="few"))
            number += 1
        line.sort()
        let_in.append(line.pop(0).key.rstrip("0123456789"))
    assert sorted(let_in) == ["few"] * 5 + ["many"] * 5


def test_a_priority_has_turns_of_its_own() -> None:
    many = [ticket(0, caller="a"), ticket(1, ticket(0, caller="a"), caller="a")]
    assert ticket(2, *many, caller="a", priority=1).turn == 0
