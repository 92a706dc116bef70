"""Derived ids are valid, and the same source gives the same id."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from batchmgr.plan.ids import (
    id_from_key,
    id_from_message,
    is_valid_id,
    job_container,
    job_key,
    time_ordered_id,
)

JOB_IDS = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)
CONTAINER = re.compile(r"[a-z0-9](-?[a-z0-9])*")


@given(JOB_IDS)
def test_every_job_has_a_valid_container(job_id: str) -> None:
    name = job_container(job_id)
    assert 3 <= len(name) <= 63
    assert CONTAINER.fullmatch(name)


@given(JOB_IDS, JOB_IDS)
@example("A__b", "a-b-63e5c1c455d0")
def test_two_jobs_never_share_a_container(one: str, other: str) -> None:
    assert (job_container(one) == job_container(other)) == (job_key(one) == job_key(other))


SIMILAR = st.from_regex(r"[ab_-]{1,4}", fullmatch=True)


@given(SIMILAR, SIMILAR, st.integers(0, 3), st.integers(0, 3))
def test_an_id_made_of_the_name_of_anothers_container_has_another_container(
    one: str, other: str, times: int, other_times: int
) -> None:
    def derived(job_id: str, times: int) -> str:
        for _ in range(times):
            job_id = job_container(job_id).removeprefix("job-")
        return job_id

    first, second = derived(one, times), derived(other, other_times)
    assert (job_container(first) == job_container(second)) == (job_key(first) == job_key(second))


def test_a_plain_id_is_the_containers_name() -> None:
    assert job_container("Kmers-001") == "job-kmers-001"
    assert job_container("a_b") != job_container("a-b")


@given(st.text(max_size=80))
def test_derived_ids_are_valid_and_repeatable(text: str) -> None:
    for derive in (id_from_message, id_from_key):
        assert is_valid_id(derive(text))
        assert derive(text) == derive(text)


def test_a_job_id_contains_the_message_id_it_comes_from() -> None:
    assert id_from_message("1F2E-aa") == "q-1f2e-aa"


@given(st.integers(0, 10**6), st.integers(0, 2**80 - 1), st.integers(0, 2**80 - 1))
def test_later_ids_sort_later(milliseconds: int, one: int, other: int) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    earlier = time_ordered_id(start, one)
    later = time_ordered_id(start + timedelta(milliseconds=milliseconds + 1), other)
    assert earlier < later
    assert len(earlier) == 26
    assert is_valid_id(earlier)


@pytest.mark.parametrize("bad", ["", "a" * 65, "a b", "a/b", "ä", "a\n", "a.b"])
def test_other_texts_are_not_valid_ids(bad: str) -> None:
    assert not is_valid_id(bad)
