"""Failed tasks in groups: one bug is one line, in whatever order its tasks are seen."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchmgr.model.batch_snapshots import EXIT_CODE, TaskError, TaskSnapshot
from batchmgr.model.failure_cause import Cause, cause_of
from batchmgr.model.failure_groups import MAX_GROUPS, Failure, group_failures, to_look_at

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
SAID = TaskError(type=EXIT_CODE, message="The task exited with an exit code", category="UserError")
PYTHON = """Progress: 17
Traceback (most recent call last):
  File "/mnt/wd/x.py", line 3, in <module>
    main()
  File "/mnt/wd/x.py", line 2, in main
    raise errors.BadChunkError(f"chunk {n} is bad")
my.errors.BadChunkError: chunk 17 is bad
Look at the manual.
"""


def failure(
    number: int, found: Cause | None = None, *, exit_code: int | None = 1, kind: str = "count"
) -> Failure:
    said = cause_of(SAID, exit_code)
    at = BEGIN + timedelta(seconds=number)
    return Failure(task_id=f"{kind}-{number}", at=at, said=said, kind=kind, exit_code=exit_code, found=found)


def exits(message: str, stderr: str = "") -> TaskError:
    return TaskError(type=EXIT_CODE, message=message, category="UserError", stderr=stderr)


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (exits("exit code 3", "a\nchunk 17 is lost\n"), (EXIT_CODE, "exit code 3: chunk <n> is lost")),
        (exits("exit code 3: chunk 9 is lost"), (EXIT_CODE, "exit code 3: chunk <n> is lost")),
        (exits("exit code 3"), (EXIT_CODE, "exit code 3")),
        (SAID, (EXIT_CODE, "exit code 3")),
        (None, (EXIT_CODE, "exit code 3")),
        (exits("exit code 3", PYTHON), ("BadChunkError", "chunk <n> is bad")),
        (exits("exit code 3", PYTHON[-60:]), (EXIT_CODE, "exit code 3: Look at the manual.")),
        (exits("exit code 3: KeyError: 'lat'"), ("KeyError", "<value>")),
        (exits("exit code 3", "x.OutOfMemoryError\n"), ("OutOfMemoryError", "")),
        (exits("exit code 3", "Traceback (most recent call last):"), (EXIT_CODE, None)),
        (TaskError(type="ValueError", message="bad 7"), ("ValueError", "bad <n>")),
        (TaskError(type="BlobNotFound", message="no a/1.txt"), ("BlobNotFound", "no <path>")),
    ],
)
def test_the_cause_is_the_exception_or_the_last_line_or_what_azure_batch_says(
    error: TaskError | None, cause: tuple[str, str | None]
) -> None:
    found = cause_of(error, 3)
    assert found.type == cause[0]
    assert cause[1] is None or found.message == cause[1]


def test_the_traceback_of_a_python_program_is_found_in_stderr() -> None:
    found = cause_of(exits("exit code 1", PYTHON), 1)
    assert found.traceback.startswith("Traceback (most recent call last):\n  File")
    assert found.stderr == PYTHON


def test_one_bug_in_4000_tasks_is_one_group_although_only_some_were_looked_at() -> None:
    lost = Cause(type="ValueError", message="chunk <n> is lost", traceback="T", stderr="S")
    failures = [failure(n, lost if n % 40 == 7 else None) for n in range(4000)]
    groups = group_failures(failures)
    assert (groups.failed, groups.looked_at, len(groups.groups), groups.others) == (4000, 100, 1, 0)
    group = groups.groups[0]
    assert (group.count, group.looked_at, group.exit_code) == (4000, 100, 1)
    assert (group.first_task, group.first_at) == ("count-0", BEGIN)
    assert group.tasks == tuple(f"count-{n}" for n in range(5))
    assert (group.traceback, group.stderr) == ("T", "S")


def test_tasks_that_were_not_looked_at_are_taken_for_no_group_if_there_are_two() -> None:
    one, two = Cause(type="A", message="a"), Cause(type="B", message="b")
    groups = group_failures(
        [failure(1, one), failure(2, two), failure(3), failure(4), failure(5, kind="merge")]
    ).groups
    assert [(group.message, group.count, group.looked_at) for group in groups] == [
        ("exit code 1", 3, 0),
        ("a", 1, 1),
        ("b", 1, 1),
    ]


def test_tasks_of_another_kind_or_exit_code_are_taken_for_no_group() -> None:
    one = Cause(type="A", message="a")
    some = [failure(1, one), failure(2, exit_code=2), failure(3, kind="merge"), failure(4)]
    groups = {(group.message, group.exit_code): group.count for group in group_failures(some).groups}
    assert groups == {("a", 1): 2, ("exit code 2", 2): 1, ("exit code 1", 1): 1}


def test_what_azure_batch_says_itself_needs_no_file() -> None:
    error = TaskError(type="BlobNotFound", message="no a/1.txt", category="UserError")
    snapshot = TaskSnapshot(
        task_id="t-1", state="completed", state_transition_time=BEGIN, result="failure", error=error
    )
    group = group_failures([Failure.of(snapshot, None)]).groups[0]
    assert (group.type, group.message, group.looked_at) == ("BlobNotFound", "no <path>", 1)
    assert to_look_at([Failure.of(snapshot, None)], 10) == []


def test_those_that_look_different_take_turns_in_being_looked_at() -> None:
    some = [*(failure(n) for n in range(50)), failure(90, exit_code=2), failure(99, kind="merge")]
    chosen = [one.task_id for one in to_look_at(some, 5)]
    assert chosen == ["count-0", "count-90", "merge-99", "count-1", "count-2"]
    assert to_look_at(some, 0) == to_look_at(some, -3) == []
    known = [failure(n, Cause(type="A", message="a")) for n in range(5)]
    assert [one.task_id for one in to_look_at([*known, failure(7)], 5)] == ["count-7"]


def test_of_very_many_groups_the_largest_are_shown_and_the_rest_is_counted() -> None:
    some = [failure(n, Cause(type="A", message=f"a{n % 300}")) for n in range(650)]
    groups = group_failures(some)
    assert len(groups.groups) == MAX_GROUPS
    assert groups.others + sum(group.count for group in groups.groups) == groups.failed == 650
    assert [group.count for group in groups.groups[:51]] == [3] * 50 + [2]


CAUSES = st.none() | st.builds(
    Cause,
    type=st.sampled_from("AB"),
    message=st.sampled_from("xyz"),
    traceback=st.sampled_from(["", "t", "u"]),
)
FAILURES = st.lists(
    st.tuples(st.integers(0, 9), CAUSES, st.sampled_from([1, 2, None]), st.sampled_from(["count", "merge"])),
    max_size=30,
    unique_by=lambda item: (item[0], item[3]),
).map(lambda items: [failure(n, cause, exit_code=code, kind=kind) for n, cause, code, kind in items])


@given(FAILURES, st.randoms(use_true_random=False))
def test_the_order_in_which_tasks_are_seen_makes_no_difference(
    some: Sequence[Failure], random: object
) -> None:
    groups = group_failures(some)
    shuffled = list(some)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # a Random
    assert group_failures(shuffled) == groups
    assert sum(group.count for group in groups.groups) + groups.others == groups.failed == len(some)
    assert sum(group.looked_at for group in groups.groups) == groups.looked_at
    assert groups.looked_at == sum(one.found is not None for one in some)
    keys = [(group.exit_code, group.type, group.category, group.message) for group in groups.groups]
    assert len(set(keys)) == len(keys)


@given(st.text(max_size=300) | st.lists(st.sampled_from(PYTHON.splitlines()), max_size=9).map("\n".join))
def test_whatever_is_on_stderr_there_is_a_cause_and_it_is_small(stderr: str) -> None:
    cause = cause_of(exits("exit code 1", stderr), 1)
    assert cause.type
    assert len(cause.message) < 400
