"""A part of a job has failed. When the reason is mended, only that part runs again, and the job is whole."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from batchmgr.plan.job_plan import FINALIZE_TASK_ID
from batchmgr.usecases.rerun import rerun
from batchmgr.usecases.submit import submit
from batchmgr.wire.rerun_request import RerunRequest
from tests.integration import reporting_workload as reporting
from tests.integration.client import Client
from tests.integration.emulated_services import EmulatedServices, start_services, succeeded
from tests.integration.messages import Json, job, output, task
from tests.integration.receiver import Receiver


def part(number: int, script: str = "true", **fields: Any) -> Json:
    """Return a task that writes its number, after a script that may fail."""
    write = f"{script} && echo {number} > part.txt"
    return task(f"p{number}", write, outputFiles=[output("part.txt", f"parts/{number}.txt")], **fields)


async def test_three_failed_of_ten_tasks_run_again_with_those_that_waited_for_them(
    client: Client, receiver: Receiver, job_id: str, tmp_path: Path
) -> None:
    mended = f"test -e {tmp_path / 'mended'}"
    started = tmp_path / "started"
    parts = [part(number, mended if number in (2, 4, 6) else "true") for number in range(1, 8)]
    counted = task("counted", f"echo counted >> {started}")
    waits = part(8, f"echo p8 >> {started}", dependsOn=["p2"])
    merge = task(
        "merge",
        "cat parts/* > all.txt && wc -l < all.txt > lines.txt",
        dependsOn=[*(one["id"] for one in parts), "p8"],
        inputFiles=[{"sourceBlobPath": "parts/", "targetFilePath": ""}],
        outputFiles=[output("all.txt")],
    )
    await client.submit(job(job_id, *parts, counted, waits, merge, callBackUri=receiver.uri))
    before = await client.outcome(job_id)
    assert (before["state"], len(before["failedTasks"])) == ("partial", 3)
    assert (await client.post(f"/jobs/{job_id}/rerun", {"tasks": "some"})).status == 400

    (tmp_path / "mended").touch()
    answers = [await client.post(f"/jobs/{job_id}/rerun") for _ in range(2)]
    assert [answer.status for answer in answers] == [202, 202]
    again = answers[0].body["jobId"]
    assert {answer.body["jobId"] for answer in answers} == {f"{job_id}-rerun-1"}
    outcome = await client.outcome(again)
    assert (outcome["state"], outcome["rerunOf"], outcome["total"]) == ("succeeded", job_id, 6)
    ran = {event["data"]["taskId"] for event in await client.events(again) if "taskId" in event["data"]}
    assert ran - {"batchmgr-finalize"} == {"p2", "p4", "p6", "p8", "merge"}
    assert (await client.read(job_id, "all.txt")).split() == [b"%d" % n for n in range(1, 9)]
    assert {file["name"] for file in outcome["results"]} == {
        "all.txt",
        *(f"parts/{number}.txt" for number in range(1, 9)),
    }
    assert started.read_text().split() == ["counted", "p8"]
    await receiver.called(2)
    told = [(call.body["Output"]["jobId"], call.body["Output"].get("rerunOf")) for call in receiver.calls]
    assert told == [(job_id, None), (again, job_id)]
    assert await client.batch_job_ids({job_id, again, f"{job_id}-rerun-2"}) == [job_id, again]
    refused = await client.post(f"/jobs/{again}/rerun")
    assert (refused.status, "no task has failed" in refused.body["detail"]) == (409, True)


@pytest.fixture
async def services(tmp_path: Path, connection_string: str) -> AsyncIterator[EmulatedServices]:
    package = tmp_path / "package"
    package.mkdir()
    async with start_services(tmp_path, connection_string, reporting.workload(package)) as running:
        yield running


async def test_a_workload_whose_finalize_task_has_failed_runs_only_that_again_with_all_it_needs(
    services: EmulatedServices, tmp_path: Path
) -> None:
    finalize = {"fails": "once", "mark": str(tmp_path / "mark")}
    tasks = ({**reporting.report(result={"n": 1}), "output": "out.txt"}, reporting.report())
    before = await services.run(reporting.job(*tasks, finalize=finalize))
    assert (before.state, before.error and before.error.code) == ("failed", "FinalizeTaskFailed")

    again = (await rerun(services.ports, "j", RerunRequest())).job_id
    await submit(services.ports, again)
    record = await services.wait_for_end(again)
    assert succeeded(record)
    assert set(await services.tasks(again)) == {FINALIZE_TASK_ID}
    results = {one.task_id: one.result for one in record.task_results}
    assert results["1"] == {"n": 1}
    manifest: Any = results[FINALIZE_TASK_ID]["tasks"]
    assert [(row[0], row[2], row[5]) for row in manifest] == [
        ("1", "success", ["j/1/out.txt"]),
        ("2", "success", []),
    ]
    assert [file.name for file in record.results] == ["1/out.txt"]
