"""`docs/operation.md` has every alert as it is, and its arithmetic is right."""

import json
import re
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from batchmgr.adapters.queue_names import QUEUES
from batchmgr.errors import NewerLayoutError
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_states import JobState
from batchmgr.plan.file_specifications import OWN_CONTAINERS
from batchmgr.usecases.accept import accept
from batchmgr.usecases.finalize import finalize
from batchmgr.usecases.poll import CONCURRENT_JOBS, JOBS_POLLED_HERE, poll
from batchmgr.usecases.submit import submit
from batchmgr.wire.job_message import JobMessage
from batchmgr.wire.layout import LAYOUT
from tests.chaos.interception import intercepted
from tests.docs.commands import ROOT
from tests.world import World, job_message, task

PAGE = (ROOT / "docs" / "operation.md").read_text()
ALERTS = json.loads((ROOT / "infra" / "alerts.json").read_text())
MONTH = 30 * 24 * 60 * 60
GIGABYTES = 2
"""The memory of an instance in every stage."""


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def rows(title: str) -> list[list[str]]:
    lines = [line for line in section(title).splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def raised_if(alert: dict[str, Any]) -> str:
    """Return in words when an alert is raised."""
    window = f"{alert.get('windowMinutes', 15)} min"
    if "line" in alert:
        return f"more than {alert['moreThan']} log lines in {window}"
    if alert.get("operator") == "LessThan":
        return f"less than {alert['threshold']} measurement in {window}"
    if alert["aggregation"] == "Minimum":
        return f"always above {alert['threshold']} for {window}"
    return f"more than {alert.get('threshold', alert.get('moreThan'))} in {window}"


def test_every_alert_is_there_as_it_is_and_no_other() -> None:
    listed = {name.strip("`"): (int(severity), when) for name, severity, when, _ in rows("Alerts")}
    expected = {
        alert["name"]: (alert["severity"], raised_if(alert)) for group in ALERTS.values() for alert in group
    }
    assert listed == expected | {"unhealthy": (1, "2 of 3 places get no `200` in 30 min")}


def test_the_alert_on_the_health_check_is_as_the_template_makes_it() -> None:
    template = (ROOT / "infra" / "modules" / "alerts.bicep").read_text()
    made = template.partition("resource healthAlert ")[2]
    assert "-unhealthy'" in made
    assert "severity: 1" in made
    assert "failedLocationCount: 2" in made
    assert "windowSize: 'PT30M'" in made


def test_every_alert_says_what_to_do() -> None:
    assert all(len(what) > 30 for *_, what in rows("Alerts"))


def test_everything_that_batchmgr_stores_is_in_the_table_of_backups() -> None:
    table = section("Backup and clean-up")
    for name in (*OWN_CONTAINERS, *(queue for queue in QUEUES if not queue.endswith("-poison"))):
        assert f"`{name}" in table, name
    files = ("blob_job_store.py", "job_blob_names.py")
    store = "".join((ROOT / "batchmgr" / "adapters" / name).read_text() for name in files)
    for folder in set(re.findall(r'f"(\w+)/\{', store)):
        assert f"`batchmgr-jobs/{folder}/`" in table, folder


@pytest.mark.parametrize("row", rows("What it costs"), ids=lambda row: row[0])
async def test_the_costs_of_a_schedule_are_the_arithmetic(row: list[str]) -> None:
    _, every, *numbers = row
    polls = MONTH // int(every.removesuffix(" s"))
    without_job, with_job = await calls_of_an_idle_poll(0), await calls_of_an_idle_poll(1)
    assert without_job.batch == 0
    expected = [polls, polls * GIGABYTES, polls * without_job.storage, polls * with_job.batch]
    assert [int(number.replace(",", "")) for number in numbers] == expected


def test_a_schedule_is_as_often_as_the_row_says() -> None:
    for schedule, every, *_ in rows("What it costs"):
        seconds, minutes, *rest = schedule.strip("`").split()
        assert set(rest) == {"*"}
        if minutes == "*":
            pause = int(seconds.removeprefix("*/")) or 60
        else:
            pause = 60 * int(minutes.removeprefix("*/"))
        assert every == f"{pause} s"


class Calls(Counter[str]):
    """How often ports were called, by name."""

    @property
    def batch(self) -> int:
        """Calls to Azure Batch."""
        return sum(number for name, number in self.items() if name.startswith("batch."))

    @property
    def storage(self) -> int:
        """Calls to storage."""
        return self.total() - self.batch - self["callbacks.send"]

    async def count(self, name: str, call: Callable[[], Awaitable[Any]]) -> Any:
        """Count a call, and make it."""
        self[name] += 1
        return await call()


async def calls_of_an_idle_poll(jobs: int) -> Calls:
    """Return the calls of a poll of jobs whose tasks run, and that have not changed."""
    world, calls = World(), Calls()
    for number in range(jobs):
        await accept(world.ports, f"job-{number}", job_message(job_id=f"job-{number}"))
        await submit(world.ports, f"job-{number}")
        assert world.batch.start_next_task(f"job-{number}") is not None
    await poll(world.ports)
    await poll(intercepted(world.ports, calls.count))
    return calls


async def test_an_idle_job_adds_one_call_to_azure_batch() -> None:
    none, some = await calls_of_an_idle_poll(0), await calls_of_an_idle_poll(3)
    assert some - none == {"batch.task_counts": 3, "line.first": 1}
    assert "makes 5 calls to storage" in section("What it costs")
    assert none.storage == 5


@pytest.mark.parametrize("tasks", [2, 1000])
async def test_a_job_costs_the_calls_that_the_page_says(tasks: int) -> None:
    assert "6 + ⌈tasks ÷ 100⌉ + ⌈tasks ÷ 1,000⌉ calls to Azure Batch" in section("What it costs")
    world, calls = World(), Calls()
    ports = intercepted(world.ports, calls.count)
    await accept(ports, "job-1", job_message(*(task(str(number)) for number in range(1, tasks + 1))))
    await submit(ports, "job-1")
    world.batch.run()
    await finalize(ports, "job-1")
    assert world.record().state is JobState.SUCCEEDED
    # Two calls of the port take several calls to Azure Batch: 100 tasks are added with one, 1,000 are listed
    # with one. The FinalizeTask is added by itself.
    lists = 1 if tasks < 1000 else 2
    assert (calls["batch.add_tasks"], calls["batch.list_tasks"]) == (1 + 1, lists)
    assert calls.batch == 6 + 1 + lists
    assert "about 35 calls to storage" in section("What it costs")
    assert 30 <= calls.storage - calls["sink.send"] <= 40
    size = sum(len(msgspec.json.encode(event)) for event in world.log())
    assert 350 <= size / len(world.log()) <= 550


def test_what_a_later_version_has_stored_is_refused_with_the_sentence_of_the_page() -> None:
    error = NewerLayoutError("the record of job 'a'", LAYOUT + 1, LAYOUT)
    assert str(error) in " ".join(section("Upgrade and roll back").split())


def test_a_record_with_a_new_field_is_read_and_a_message_is_not() -> None:
    """So a new field of a message raises the layout, and one of a record need not."""
    known = {"jobId": "a", "state": "running", "workload": "", "digest": ""}
    times = {"createdAt": "2026-01-01T00:00:00Z", "updatedAt": "2026-01-01T00:00:00Z"}
    body = msgspec.json.encode({**known, **times, "newField": {"a": 1}})
    assert msgspec.json.decode(body, type=JobRecord).job_id == "a"
    with pytest.raises(msgspec.ValidationError, match="newField"):
        msgspec.json.decode(b'{"jobId": "a", "newField": 1}', type=JobMessage)


def test_the_poller_polls_as_many_jobs_at_once_as_the_page_says() -> None:
    assert f"polls {CONCURRENT_JOBS} jobs at once" in section("Scaling")
    assert f"more than {JOBS_POLLED_HERE} jobs are due" in section("Scaling")
