"""A `create_job` that yields its tasks: each is planned as it comes, and only its id is kept."""

import gc
import sys
import weakref
from collections.abc import Callable, Iterator

import pytest

from batchmgr import (
    InvalidInputError,
    InvalidJobError,
    JobContext,
    JobManager,
    JobManagerBuilder,
    TaskSpecification,
    WorkloadBase,
)
from batchmgr.plan.job_plan import JobDraft
from batchmgr.workload.draft_from_workload import Keep, draft_from_workload

CreateJob = Callable[[JobManager], object]


def workload(create_job: CreateJob) -> WorkloadBase:
    class Manager(JobManager):
        def create_job(self) -> Iterator[TaskSpecification]:
            return create_job(self)  # type: ignore[return-value]

    class Builder(JobManagerBuilder):
        job_manager_type = Manager

    return WorkloadBase(job_manager_builder_type=Builder)


def draft(create_job: CreateJob, keep: Keep = tuple) -> JobDraft:
    return draft_from_workload(workload(create_job), JobContext(job_id="j"), keep)


def test_tasks_come_in_the_order_in_which_they_are_yielded_and_the_others_after_them() -> None:
    def create_job(manager: JobManager) -> Iterator[TaskSpecification]:
        last = manager.add_command_task("last")
        first = manager.add_command_task("first")
        yield first
        last.depends_on.append(first)
        second = manager.add_command_task("second", [first])
        second.required_slots = 2
        yield second

    tasks = draft(create_job).tasks
    assert [(task.id, task.command_line, task.depends_on, task.required_slots) for task in tasks] == [
        ("2", "first", (), 1),
        ("3", "second", ("2",), 2),
        ("1", "last", ("2",), 1),
    ]


def test_nothing_is_kept_of_a_task_but_its_id() -> None:
    alive: list[int] = []
    known: list[weakref.ref[TaskSpecification]] = []

    def create_job(manager: JobManager) -> Iterator[TaskSpecification]:
        for number in range(50):
            task = manager.add_command_task(f"x {number}")
            known.append(weakref.ref(task))
            yield task
            del task
            gc.collect()
            alive.append(sum(one() is not None for one in known))

    gc.freeze()  # otherwise each collection looks at everything that other tests have left
    try:
        draft(create_job)
    finally:
        gc.unfreeze()
    assert max(alive) <= 1  # the one that is being planned


def test_a_task_that_was_yielded_can_be_waited_for_and_nothing_else() -> None:
    def create_job(manager: JobManager) -> Iterator[TaskSpecification]:
        task = manager.add_command_task("x")
        task.environment["BIG"] = "x" * 1_000_000
        size = sys.getsizeof(task.__dict__)
        yield task
        assert isinstance(task, TaskSpecification)
        assert task.id == "1"
        assert sys.getsizeof(task.__dict__) < size
        with pytest.raises(InvalidJobError, match="task '1' was yielded, and is planned: change"):
            task.environment["MORE"] = "x"
        with pytest.raises(InvalidJobError, match="was yielded"):
            task.required_slots = 2
        with pytest.raises(InvalidJobError, match="was yielded"):
            task.id = "other"
        yield manager.add_command_task("y", [task, task])

    assert [task.depends_on for task in draft(create_job).tasks] == [(), ("1",)]


def test_a_change_of_a_yielded_task_is_an_error_of_the_job() -> None:
    def create_job(manager: JobManager) -> Iterator[TaskSpecification]:
        task = manager.add_command_task("x")
        yield task
        task.output_files.clear()

    with pytest.raises(InvalidJobError, match="was yielded"):
        draft(create_job)


@pytest.mark.parametrize("what", ["twice", "text", "nothing", "of another job"])
def test_only_the_tasks_of_the_job_can_be_yielded_and_each_once(what: str) -> None:
    others: list[TaskSpecification] = []

    def other_job(manager: JobManager) -> None:
        others.append(manager.add_command_task("other"))

    draft(other_job)

    def create_job(manager: JobManager) -> Iterator[object]:
        task = manager.add_command_task("x")
        yield task
        yield {"twice": task, "text": "1", "nothing": None, "of another job": others[0]}[what]

    with pytest.raises(InvalidJobError, match=r"create_job yielded .*: yield each task"):
        draft(create_job)


def test_a_yielded_task_of_another_job_is_no_dependency() -> None:
    others: list[TaskSpecification] = []

    def other_job(manager: JobManager) -> Iterator[TaskSpecification]:
        others.append(manager.add_command_task("other"))
        yield others[0]

    draft(other_job)

    def create_job(manager: JobManager) -> Iterator[TaskSpecification]:
        yield manager.add_command_task("x")
        yield manager.add_command_task("y", others)

    with pytest.raises(InvalidJobError, match="which was not added to this job") as caught:
        draft(create_job)
    assert caught.value.field == "tasks[1].dependsOn"


@pytest.mark.parametrize(
    ("error", "field", "words"),
    [
        (InvalidJobError("no", field="inputs.a"), "inputs.a", "no"),
        (InvalidInputError("no"), "inputs", "no"),
        (SystemExit(3), "", "raised SystemExit: 3"),
        (KeyError("parts"), "", "raised KeyError: 'parts'"),
    ],
)
def test_an_exception_between_two_tasks_is_the_error_of_the_job(
    error: BaseException, field: str, words: str
) -> None:
    def create_job(manager: JobManager) -> Iterator[TaskSpecification]:
        yield manager.add_command_task("x")
        raise error

    with pytest.raises(InvalidJobError, match=words) as caught:
        draft(create_job)
    assert caught.value.field == field


def test_an_error_of_whoever_takes_the_tasks_is_not_the_workloads() -> None:
    def create_job(manager: JobManager) -> Iterator[TaskSpecification]:
        yield manager.add_command_task("x")

    def full(tasks: Iterator[object]) -> tuple[()]:
        next(tasks)
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        draft(create_job, full)


def test_an_author_sees_all_tasks_of_a_plan_in_a_test() -> None:
    def create_job(manager: JobManager) -> Iterator[TaskSpecification]:
        for number in range(3):
            task = manager.add_command_task(f"x {number}")
            yield task
            task.required_slots = 2  # nobody has planned it

    tasks = workload(create_job).plan(JobContext(job_id="j")).tasks
    assert [task.command_line for task in tasks] == ["x 0", "x 1", "x 2"]
    assert {task.required_slots for task in tasks} == {2}


def test_a_create_job_that_returns_something_else_is_as_one_that_returns_nothing() -> None:
    def create_job(manager: JobManager) -> list[TaskSpecification]:
        return [manager.add_command_task("x")]

    assert [task.id for task in draft(create_job).tasks] == ["1"]
    assert len(workload(create_job).plan(JobContext(job_id="j")).tasks) == 1
    returning = workload(lambda manager: manager.add_command_task("x"))
    assert len(returning.plan(JobContext(job_id="j")).tasks) == 1
