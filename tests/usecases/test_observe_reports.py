"""Progress reports are published once each. Results of tasks become part of the job's output."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchmgr.dispatcher.memory_job import TaskExit
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_states import JobState
from batchmgr.model.task_progress import ProgressReport
from batchmgr.steps import observe_reports as observe_reports_module
from batchmgr.steps.observe_reports import observe_reports, task_results
from batchmgr.steps.outbox import load
from tests.number_of_examples import examples
from tests.world import World, job_message, task

START = datetime.fromisoformat("2026-01-01T00:00:00Z")


def at(seconds: float) -> datetime:
    """Return the time so many seconds after the start. Storage stores whole seconds."""
    return START + timedelta(seconds=int(seconds))


def report(
    task_id: str, number: int, seconds: float, key: str = "", *, fraction: float = 0.5
) -> ProgressReport:
    return ProgressReport(
        task_id=task_id,
        version=str(number),
        time=at(seconds),
        fraction=fraction,
        message=f"step {number}",
        result_key=key,
    )


def can_report(record: JobRecord, value: bool) -> JobRecord:
    """Return the record of a job whose tasks can report, or can't."""
    return msgspec.structs.replace(record, run=msgspec.structs.replace(record.run, can_report=value))


class Reporting:
    """A running job whose tasks report."""

    def __init__(self) -> None:
        self.world = World()
        self.listed: dict[str, ProgressReport] = {}

    @classmethod
    async def begun(cls, *task_ids: str) -> "Reporting":
        made = cls()
        made.world.batch.run = list  # type: ignore[method-assign]
        made.world.enqueue(job_message(*map(task, task_ids)))
        await made.world.tick()
        while made.world.batch.start_next_task("job-1"):
            pass
        job = await made.world.ports.jobs.load("job-1")
        record = can_report(job.value, True)
        await made.world.ports.jobs.save(record, job.etag)
        return made

    def add_reports(self, *reports: ProgressReport) -> None:
        self.listed |= {one.task_id: one for one in reports}

    def result(self, task_id: str, content: object) -> None:
        body = content if isinstance(content, bytes) else msgspec.json.encode({"result": content})
        self.world.files.blobs[f"job-1/batchmgr-reports/{task_id}.json"] = body

    async def look(self) -> None:
        self.world.files.reported["job-1"] = list(self.listed.values())
        await observe_reports(self.world.ports, await load(self.world.ports, "job-1"))

    def published(self, kind: str = "task.progress") -> list[str]:
        ids = [event.id for event in self.world.log() if event.type == f"batchmgr.{kind}"]
        assert len(ids) == len(set(ids))
        return [name.removeprefix("jobs/job-1/tasks/").replace(f"/{kind}", "") for name in ids]


async def test_each_report_is_published_once_with_its_content() -> None:
    reporting = await Reporting.begun()
    reporting.add_reports(report("1", 1, 0), report("2", 1, 0))
    await reporting.look()
    await reporting.look()
    reporting.add_reports(report("1", 2, 5))
    await reporting.look()
    assert reporting.published() == ["1/1", "2/1", "1/2"]
    event = reporting.world.log()[-1]
    assert event.data == {"jobId": "job-1", "taskId": "1", "fraction": 0.5, "message": "step 2"}
    assert (event.subject, event.time) == ("jobs/job-1/tasks/1", at(5))


async def test_a_report_that_is_listed_late_is_published_and_no_other_is_published_again() -> None:
    reporting = await Reporting.begun("old", "late", "1")
    reporting.add_reports(report("old", 1, 6), report("1", 1, 10))
    await reporting.look()
    reporting.add_reports(report("late", 1, 7))
    await reporting.look()
    reporting.add_reports(report("1", 2, 10))
    await reporting.look()
    assert reporting.published() == ["old/1", "1/1", "late/1", "1/2"]


async def test_reports_that_one_listing_misses_are_published_after_the_next() -> None:
    reporting = await Reporting.begun()
    reporting.add_reports(report("1", 1, 0), report("2", 1, 1))
    everything, reporting.listed = reporting.listed, {}
    await reporting.look()
    reporting.listed = everything
    await reporting.look()
    assert reporting.published() == ["1/1", "2/1"]


STEP = st.tuples(st.sampled_from("abc"), st.floats(0, 3), st.floats(0, 3))


@given(st.lists(STEP, max_size=25))
@examples(100)
async def test_no_report_is_published_twice_and_the_last_of_each_task_is_published(
    steps: list[tuple[str, float, float]],
) -> None:
    reporting = await Reporting.begun("a", "b", "c")
    now, last = 10.0, {}
    for number, (task_id, pause, lag) in enumerate(steps):
        now += pause
        # The clocks of storage differ by some seconds.
        reporting.add_reports(report(task_id, number, now - lag))
        last[task_id] = number
        await reporting.look()
    told = reporting.published()
    assert {f"{task_id}/{number}" for task_id, number in last.items()} <= set(told)
    assert len(reporting.world.record().run.report_cursor.marks) <= 8


async def test_more_reports_than_one_save_of_the_record_holds_are_all_published() -> None:
    reporting = await Reporting.begun(*map(str, range(777)))
    reporting.add_reports(*(report(str(number), 1, number % 3) for number in range(777)))
    await reporting.look()
    assert len(reporting.published()) == 777
    await reporting.look()
    assert len(reporting.published()) == 777


async def test_what_was_logged_but_not_saved_is_published_once_whatever_is_listed_before_it_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(observe_reports_module, "BYTES_AT_ONCE", 400)
    reporting = await Reporting.begun(*"abcdefgh")
    reporting.add_reports(*(report(task_id, 1, 5) for task_id in "efgh"))
    append = reporting.world.events.append

    async def log_and_stop(*arguments: Any) -> Any:
        await append(*arguments)
        raise InterruptedError

    reporting.world.events.append = log_and_stop  # type: ignore[assignment]
    with pytest.raises(InterruptedError):
        await reporting.look()
    assert 1 < len(reporting.published()) < 4
    reporting.world.events.append = append  # type: ignore[method-assign]
    reporting.add_reports(*(report(task_id, 1, 1) for task_id in "abcd"))
    await reporting.look()
    assert sorted(reporting.published()) == [f"{task_id}/1" for task_id in "abcdefgh"]


async def test_the_record_stays_small_while_a_thousand_tasks_report() -> None:
    reporting = await Reporting.begun(*map(str, range(1000)))
    before = len(msgspec.json.encode(reporting.world.record()))
    for number in range(4):
        reporting.add_reports(*(report(str(one), 10**12 + number, 5 * number) for one in range(1000)))
        await reporting.look()
    grown = len(msgspec.json.encode(reporting.world.record())) - before
    assert grown < 1024


async def test_results_are_published_and_the_last_one_of_each_task_is_the_output() -> None:
    reporting = await Reporting.begun("2", "10")
    reporting.add_reports(report("2", 1, 0, "k1"), report("10", 1, 0, "k1"))
    reporting.result("2", {"lines": 1})
    reporting.result("10", {"lines": 10})
    await reporting.look()
    reporting.add_reports(report("2", 2, 5, "k2"))
    reporting.result("2", {"lines": 2})
    await reporting.look()
    reporting.add_reports(report("2", 3, 10, "k2"))
    await reporting.look()
    assert reporting.published("task.result") == ["2/k1", "10/k1", "2/k2-2"]
    results = await task_results(reporting.world.ports, reporting.world.record())
    assert [(one.task_id, one.result) for one in results] == [("2", {"lines": 2}), ("10", {"lines": 10})]


async def test_a_result_that_comes_again_after_another_one_has_an_event_of_its_own() -> None:
    reporting = await Reporting.begun("1")
    for number, key in enumerate("ABA"):
        reporting.add_reports(report("1", number, 5 * number, key))
        reporting.result("1", {"letter": key})
        await reporting.look()
    assert reporting.published("task.result") == ["1/A", "1/B-1", "1/A-2"]


async def test_reports_under_ids_that_the_job_does_not_have_are_ignored() -> None:
    reporting = await Reporting.begun("1", "2")
    for number in range(3):
        reporting.add_reports(*(report(f"made-up-{number}-{n}", 1, number, "k") for n in range(300)))
        reporting.add_reports(report("1", number, number), report("3", number, number))
        await reporting.look()
    assert reporting.published() == ["1/0", "1/1", "1/2"]
    assert reporting.world.record().run.report_cursor.results == {}


async def test_reports_of_tasks_that_have_just_ended_are_published() -> None:
    reporting = await Reporting.begun("1", "2")
    reporting.world.clock.advance(timedelta(hours=1))
    reporting.add_reports(report("1", 1, 3600), report("2", 1, 3600))
    reporting.world.batch.record_exit("job-1", "1", TaskExit.exited(0))
    await reporting.look()
    assert reporting.published() == ["1/1", "2/1"]


async def test_reports_cost_two_lists_of_tasks_whatever_their_number() -> None:
    reporting = await Reporting.begun(*map(str, range(50)))
    calls: list[str] = []
    list_tasks = reporting.world.batch.list_tasks

    def counted(job_id: str, *, state: str = "", **options: Any) -> Any:
        calls.append(state)
        return list_tasks(job_id, state=state, **options)

    reporting.world.batch.list_tasks = counted  # type: ignore[method-assign]
    await reporting.look()
    assert calls == []
    reporting.add_reports(*(report(str(number), 1, 0) for number in range(50)))
    await reporting.look()
    assert calls == ["running", ""]


async def test_results_of_the_first_hundred_tasks_are_kept_up_to_64_kib() -> None:
    reporting = await Reporting.begun(*map(str, range(150)))
    for number in range(150):
        reporting.add_reports(report(str(number), 1, number // 10, "k"))
        reporting.result(str(number), {"text": "x" * 1000})
    await reporting.look()
    assert len(reporting.published("task.result")) == 100
    assert len(reporting.published()) == 150
    record = reporting.world.record()
    assert len(record.run.report_cursor.results) == 100
    every = await task_results(reporting.world.ports, record)
    assert len(every) == 100
    now = reporting.world.clock.now()
    ended = record.finalizing(now).ended(now, JobState.SUCCEEDED, error=None, task_results=every)
    results = ended.task_results
    assert 60 <= len(results) < 66
    assert sum(len(msgspec.json.encode(one)) for one in results) <= 64 * 1024


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[1]",
        b'{"result": 5}',
        b"[" * 100_000,
        b"\xff",
        b'{"result": {"v": "%s"}}' % (b"x" * 40_000),
        b'{"result": {"v": "%s"}}' % (b"x" * 4_000_000),
        b'{"result": {"v": %s%s}}' % (b"[" * 40, b"]" * 40),
        b'{"result": {"v": %s%s}}' % (b"[" * 960, b"]" * 960),
        b'{"result": {"v": %s}}' % (b"1" * 5000),
        b'{"result": {"v": 1e999}}',
        b'{"result": {"v": "\\ud800"}}',
    ],
    ids=lambda body: f"{body[:24]!r} of {len(body)}",
)
async def test_an_invalid_result_is_ignored(body: bytes) -> None:
    reporting = await Reporting.begun()
    reporting.add_reports(report("1", 1, 0, "k"))
    reporting.result("1", body)
    await reporting.look()
    assert reporting.published("task.result") == []
    assert reporting.published() == ["1/1"]
    assert await task_results(reporting.world.ports, reporting.world.record()) == ()


async def test_reports_of_a_job_that_cannot_report_are_not_listed() -> None:
    reporting = await Reporting.begun()
    job = await reporting.world.ports.jobs.load("job-1")
    await reporting.world.ports.jobs.save(can_report(job.value, False), job.etag)
    reporting.add_reports(report("1", 1, 0))
    await reporting.look()
    assert reporting.published() == []
