"""Tasks report progress, results and errors, and the FinalizeTask reads how the others ended."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from batchmgr.plan.job_plan import FINALIZE_TASK_ID
from batchmgr.usecases.cancel import cancel
from batchmgr.usecases.poll import poll
from batchmgr.wire.adf_callback import adf_callback
from tests.integration.emulated_services import EmulatedServices, start_services, succeeded
from tests.integration.reporting_workload import fail, job, report, workload
from tests.integration.wait_until import until


@pytest.fixture
async def services(tmp_path: Path, connection_string: str) -> AsyncIterator[EmulatedServices]:
    package = tmp_path / "package"
    package.mkdir()
    async with start_services(tmp_path, connection_string, workload(package)) as running:
        yield running


async def event_data(services: EmulatedServices, kind: str) -> list[dict[str, Any]]:
    """Return the data of the events of one type. Check that each was published once."""
    events = [event for event in await services.events("j") if event.type == f"batchmgr.{kind}"]
    assert len(events) == len({event.id for event in events})
    return [dict(event.data) for event in events]


async def test_progress_is_published_while_the_task_runs_and_results_are_in_the_callback(
    services: EmulatedServices, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    await services.submit(job(report(gate=str(gate), result={"lines": 5, "word": "été"}), report()))

    async def published() -> bool:
        await poll(services.ports)
        return bool(await event_data(services, "task.result"))

    await until(published)
    assert (await services.tasks("j"))["1"].state == "running"
    [first, *_] = [data for data in await event_data(services, "task.progress") if data["taskId"] == "1"]
    assert first == {"jobId": "j", "taskId": "1", "fraction": 0.5, "message": "half ✓"}
    gate.touch()
    record = await services.wait_for_end("j")
    assert succeeded(record)
    results = [data for data in await event_data(services, "task.result") if data["taskId"] == "1"]
    assert [data["result"] for data in results] == [{"lines": 5, "word": "été"}]
    last = {data["taskId"]: data["fraction"] for data in await event_data(services, "task.progress")}
    assert last == {"1": 1.0, "2": 1.0}
    output = adf_callback(record).output
    found = {one["taskId"]: one["result"] for one in output["taskResults"]}  # type: ignore[attr-defined]
    assert found["1"] == {"lines": 5, "word": "été"}


ENDS = [
    ("bug", 1, "KeyError", "UserError"),
    ("input", 2, "InvalidInputError", "BadInput"),
    ("disk", 70, "OSError", "Infrastructure"),
    ("retryable", 75, "RetryableTaskError", "Retryable"),
]


async def test_each_kind_of_failure_has_its_exit_code_and_its_category(services: EmulatedServices) -> None:
    record = await services.run(job(*(fail(how) for how, *_ in ENDS)))
    assert record.state == "failed"
    failed = {data["taskId"]: data for data in await event_data(services, "task.failed")}
    for number, (_, code, type_, category) in enumerate(ENDS, 1):
        data = failed[str(number)]
        assert data["exitCode"] == code
        assert (data["error"]["type"], data["error"]["category"]) == (type_, category)
    output = adf_callback(record).output
    assert failed["4"]["error"]["message"].endswith("(not tried again: its max_task_retry_count is 0)")
    tasks = {one["taskId"]: one["error"]["category"] for one in output["failedTasks"]}  # type: ignore[attr-defined]
    assert tasks == {str(number): end[3] for number, end in enumerate(ENDS, 1)}


async def test_a_retryable_failure_is_retried_up_to_its_limit_and_reports_the_retries(
    services: EmulatedServices,
) -> None:
    record = await services.run(job(fail("retryable", retries=2)))
    assert (await services.tasks("j"))["1"].retry_count == 2
    assert record.error is not None
    assert record.error.code == "RetryableTaskError"
    assert record.error.message.endswith("the licence server is busy (after 2 retries)")
    retried = await event_data(services, "task.retried")
    assert [data["retryCount"] for data in retried] in ([1, 2], [2])
    assert len(await event_data(services, "task.failed")) == 1


async def test_the_manifest_tells_the_finalize_task_how_every_other_task_ended(
    services: EmulatedServices,
) -> None:
    tasks = (
        {**report(), "output": "out.txt"},
        fail("input"),
        fail("kill"),
        {**report(), "after": [1]},
    )
    record = await services.run(job(*tasks))
    assert record.state == "partial"
    [final] = [one for one in record.task_results if one.task_id == FINALIZE_TASK_ID]
    manifest: Any = final.result["tasks"]
    assert [row[:4] for row in manifest] == [
        ["1", "completed", "success", 0],
        ["2", "completed", "failure", 2],
        ["3", "completed", "failure", 137],
        ["4", "active", "", None],
    ]
    errors = [row[4] for row in manifest]
    assert errors[0] == errors[3] == ""
    assert errors[1] == "InvalidInputError: the file is empty"
    assert "137" in errors[2]
    assert [row[5] for row in manifest] == [["j/1/out.txt"], [], [], []]


async def test_a_failed_finalize_task_has_an_error_code_of_its_own(services: EmulatedServices) -> None:
    record = await services.run(job(report(), finalize={"fails": "always"}))
    assert (record.state, record.error and record.error.code) == ("failed", "FinalizeTaskFailed")
    assert record.error is not None
    assert record.error.message == "All tasks succeeded, but the FinalizeTask failed: cannot merge"


async def test_a_finalize_task_that_fails_after_other_tasks_is_reported_too(
    services: EmulatedServices,
) -> None:
    record = await services.run(job(report(), fail("input"), finalize={"fails": "always"}))
    assert record.state == "partial"
    assert record.error is not None
    assert record.error.code == "InvalidInputError"
    assert "the file is empty. The FinalizeTask failed too: cannot merge" in record.error.message
    assert {failed.task_id for failed in record.run.failed_tasks} == {"2", FINALIZE_TASK_ID}


async def test_a_finalize_task_may_be_retried(services: EmulatedServices, tmp_path: Path) -> None:
    finalize = {"fails": "once", "mark": str(tmp_path / "mark")}
    record = await services.run(job(report(), finalize=finalize, finalizeRetries=1))
    assert succeeded(record)
    assert (await services.tasks("j"))[FINALIZE_TASK_ID].retry_count == 1


async def test_a_cancelled_job_ends_while_its_finalize_task_waits_for_the_manifest(
    services: EmulatedServices,
) -> None:
    await services.submit(job(report()))

    async def waiting() -> bool:
        return (await services.tasks("j"))[FINALIZE_TASK_ID].state == "running"

    await until(waiting)
    await cancel(services.ports, "j")
    record = await services.wait_for_end("j")
    assert record.state == "cancelled"
    assert (await services.tasks("j"))[FINALIZE_TASK_ID].has_failed
