"""The article's own code in three places: planned in the function, planned on a node, and in one process."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from batchmgr.plan.job_plan import JOB_MANAGER_TASK_ID, MANIFEST_BLOB, PLANNED_TASKS_FILE, REPORTS_FOLDER
from tests.integration.article_runs import (
    APPLICATION,
    WORKLOAD,
    Traces,
    build_application,
    job_manager,
    node_programs,
    run_here,
    run_workload,
    stack_with,
    traces_of,
)
from tests.integration.client import Client, connected
from tests.integration.comparable_events import POLL_DEPENDENT, comparable, stable
from tests.integration.endless_task import ended, pids_of
from tests.integration.messages import Json
from tests.integration.receiver import receiving
from tests.old_python import oldest_python

TEXT = "Grüße"
RESULTS = {
    "1/text.txt": "Grüße; hello-world-task-1",
    "2/text.txt": "Grüße; hello-world-task-1; hello-world-task-2",
}
SUMMARY = {
    number: {
        "name": "ExampleWorkloadTask",
        "succeeded": True,
        "state": "completed",
        "exitCode": 0,
        "left": ["text.txt"],
    }
    for number in ("1", "2")
}

UNRULY = f"PYTHONPATH=$PYTHONPATH:{WORKLOAD}; exec python3 -m unruly_workload job-manager"
NOT_BY_WORKLOAD: dict[str, Json] = {
    "nothing": {"script": "true"},
    "junk": {"script": f"echo junk > {PLANNED_TASKS_FILE}"},
    "nonsense": {"script": f"echo {{}} > {PLANNED_TASKS_FILE}"},
    "no package": {"script": "exec python3 -m no_such_workload job-manager"},
    "too long": {"script": "sleep 600", "maxWallClockTime": "PT2S"},
}
PYTHON = oldest_python() or sys.executable
FAILED = "jobManagerTask: the job manager task failed: "
FAILURES = {
    "refuse": "inputs.days: must be 1 to 14, not 99",
    "stumble": "workload 'unruly_workload' raised RuntimeError: no such station",
    "leave": "workload 'unruly_workload' raised SystemExit: usage: forecast DAYS",
    "leave_in_peace": "workload 'unruly_workload' raised SystemExit: 0",
    "die": f"{FAILED}exit code 137",
    "add_forgotten": "task type ForgottenTask is not registered; add self._entry_points_repository."
    "register_entry_point(ForgottenTask) to the workload's __init__",
    "add_no_json": "tasks[1].inputs: the inputs of task '2' (KnownTask) are not JSON: Object of type set is "
    "not JSON serializable; use only text, numbers, True, False, None, lists and dictionaries",
    "wait_for_stranger": "tasks[0].dependsOn: task '1' depends on '7', which was not added to this job; use "
    "only tasks that add_workload_task or add_command_task returned",
    "take_reserved_id": "tasks[0].id: ids that begin with batchmgr- are reserved for batchmgr",
    "change_job": "a job manager on a node cannot change the settings of the job (self.job), which is "
    "already in Azure Batch. Put its pool, priority and other settings in the job message",
    "nothing": "jobManagerTask: the job manager task left no batchmgr-tasks.json in its working directory: "
    "its command must be that of a workload, such as python3 -m my_workload job-manager",
    "junk": "jobManagerTask: the batchmgr-tasks.json that the job manager task left can't be used: not valid "
    "JSON: JSON is malformed: invalid character (byte 0)",
    "nonsense": "jobManagerTask: the batchmgr-tasks.json that the job manager task left can't be used: "
    "tasks: required, but missing",
    "no package": f"{FAILED}exit code 1: python3: No module named no_such_workload",
    "too long": f"{FAILED}The task ran longer than its maxWallClockTime and was ended",
}
"""Ways in which planning on a node fails, and the error of the rejected job."""

IDENTITY = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/n"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_application(tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="module")
def node_path(tmp_path_factory: pytest.TempPathFactory) -> str:
    return node_programs(tmp_path_factory.mktemp("node") / "bin")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def knowing(azurite: None, archive: Path) -> AsyncIterator[Client]:
    """A stack whose function can import the workload."""
    async with stack_with(archive, workload_in_function=True) as stack, connected(stack.endpoints) as client:
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ignorant(azurite: None, archive: Path) -> AsyncIterator[Client]:
    """A stack whose function can't import the workload: only the nodes have it."""
    async with stack_with(archive, workload_in_function=False) as stack, connected(stack.endpoints) as client:
        yield client


@pytest.mark.clients  # a stack of its own
@pytest.mark.asyncio(loop_scope="module")
async def test_a_job_is_the_same_in_all_three_places(
    knowing: Client, ignorant: Client, job_id: str, node_path: str, tmp_path: Path
) -> None:
    blob = tmp_path / "storage" / "inputs" / "text.txt"
    blob.parent.mkdir(parents=True)
    blob.write_text(TEXT)
    inputs = {"text": "text.txt"}
    message = {"jobId": job_id, "workload": APPLICATION, "inputs": inputs, "environment": {"PATH": node_path}}
    in_function, on_node, here = await asyncio.gather(
        run_there(knowing, message),
        run_there(ignorant, message | {"jobManagerTask": job_manager()}),
        run_here(tmp_path, job_id, "--inputs", json.dumps(inputs)),
    )
    for traces in (in_function, on_node, here):
        assert {name: traces.blobs[name].decode() for name in RESULTS} == RESULTS
        assert json.loads(traces.blobs["summary.json"]) == SUMMARY
        assert results_in(traces) == [
            {"taskId": "1", "result": {"characters": 25}},
            {"taskId": "2", "result": {"characters": 45}},
            {"taskId": "batchmgr-finalize", "result": {"tasks": 2}},
        ]
    assert lasting_blobs(in_function) == lasting_blobs(on_node) == lasting_blobs(here)
    assert last_progress(in_function) == last_progress(on_node) == last_progress(here)
    on_node = without_job_manager(on_node)
    assert comparable_events_of(in_function) == comparable_events_of(on_node) == comparable_events_of(here)
    assert stable(in_function.callback) == stable(on_node.callback) == stable(here.callback)


@pytest.mark.clients  # fifteen jobs
@pytest.mark.asyncio(loop_scope="module")
async def test_a_job_whose_planning_on_a_node_fails_is_rejected_with_one_clear_message(
    ignorant: Client, job_id: str, node_path: str
) -> None:
    ways = {f"{job_id}-{number}": way for number, way in enumerate(FAILURES)}
    messages = [
        {
            "jobId": each,
            "workload": "unruly_workload",
            "inputs": {"how": way},
            "environment": {"PATH": node_path},
            "jobManagerTask": job_manager(**NOT_BY_WORKLOAD.get(way, {"script": UNRULY})),
        }
        for each, way in ways.items()
    ]
    await asyncio.gather(*map(ignorant.submit, messages))
    outcomes = await asyncio.gather(*map(ignorant.outcome, ways))
    assert {outcome["state"] for outcome in outcomes} == {"rejected"}
    errors = {
        ways[outcome["jobId"]]: outcome["error"]["message"].replace(str(PYTHON), "python3")
        for outcome in outcomes
    }
    assert errors == FAILURES
    assert {await ignorant.batch_state(each) for each in ways} <= {"completed", "gone"}


@pytest.mark.asyncio(loop_scope="module")
async def test_a_job_can_be_cancelled_while_a_node_plans_it(
    ignorant: Client, job_id: str, tmp_path: Path
) -> None:
    script = f"sleep 600 & echo $! > {tmp_path}/child; echo $$ > {tmp_path}/shell; wait"
    manager = job_manager(script)
    async with receiving() as receiver:
        message = {"jobId": job_id, "workload": "slow", "callBackUri": receiver.uri}
        await ignorant.submit(message | {"jobManagerTask": manager})
        pids = await pids_of(tmp_path)
        assert (await ignorant.post(f"/jobs/{job_id}/cancel")).status == 202
        call = await receiver.call()
        await ended(pids)
        await ignorant.wait_until_delivered(job_id)
    assert call.body["Output"]["state"] == "cancelled"
    assert call.body["Error"] == {"ErrorCode": "Cancelled", "Message": "The job was cancelled."}
    assert len(receiver.calls) == 1


@pytest.mark.asyncio(loop_scope="module")
async def test_a_workload_that_the_function_cannot_import_is_rejected(ignorant: Client, job_id: str) -> None:
    answer = await ignorant.post("/jobs", {"jobId": job_id, "workload": APPLICATION})
    assert (answer.status, answer.body["field"]) == (400, "workload")
    assert "there is no workload 'example_workload'; installed: " in answer.body["detail"]


@pytest.mark.asyncio(loop_scope="module")
async def test_files_of_another_account_are_planned_with_their_identity(knowing: Client, job_id: str) -> None:
    inputs = {"text": "text.txt", "account": "hpcdata", "identity": IDENTITY}
    answer = await knowing.post("/plan", {"jobId": job_id, "workload": APPLICATION, "inputs": inputs})
    assert (answer.status, answer.body["problems"]) == (200, [])
    first, second, _ = answer.body["expandedTasks"]
    home, identity = "https://hpcdata.blob.core.windows.net", {"resourceId": IDENTITY}
    for task, source in ((first, "inputs/text.txt"), (second, f"job-{job_id}/1/text.txt")):
        (file,) = task["resourceFiles"]
        assert (file["httpUrl"], file["identityReference"]) == (f"{home}/{source}", identity)
        made, _ = task["outputFiles"]  # the other one keeps stdout and stderr
        container = made["destination"]["container"]
        assert (container["containerUrl"], container["identityReference"]) == (
            f"{home}/job-{job_id}",
            identity,
        )
        assert container["path"] == f"{task['id']}/text.txt"


@pytest.mark.asyncio(loop_scope="module")
async def test_a_job_is_submitted_from_the_command_line(knowing: Client, job_id: str) -> None:
    arguments = ("submit", "--url", knowing.address, "--job-id", job_id, "--inputs")
    code, said = await run_workload(*arguments, '{"text": 3}')
    assert code == 2
    reason = "tasks[0].inputFiles[0].sourceBlobPath: must be of type str, not int: 3"
    assert said == f"example_workload submit: batchmgr refused the job (400): {reason}\n"
    code, said = await run_workload(*arguments, '{"text": "never-uploaded.txt"}')
    status = f"{knowing.address}/api/jobs/{job_id}"
    assert (code, said) == (0, f"job {job_id} is queued\n{status}\n")
    assert (await knowing.outcome(job_id))["state"] == "failed"


async def run_there(client: Client, message: Json) -> Traces:
    await client.upload(message["inputs"]["text"], TEXT.encode())
    async with receiving() as receiver:
        await client.submit(message | {"callBackUri": receiver.uri})
        call = await receiver.call()
        await client.wait_until_delivered(message["jobId"])
    assert len(receiver.calls) == 1
    return await traces_of(client, message["jobId"], call.body)


def results_in(traces: Traces) -> Any:
    return traces.callback["Output"]["taskResults"]


def lasting_blobs(traces: Traces) -> dict[str, bytes]:
    """Return the blobs, without those that contain times or URLs, and without those of the job manager."""
    passing = (MANIFEST_BLOB, PLANNED_TASKS_FILE, REPORTS_FOLDER)
    return {name: content for name, content in traces.blobs.items() if not name.startswith(passing)}


def without_job_manager(traces: Traces) -> Traces:
    """Return the results without the job manager task: without its events, and subtracted from the counts."""

    def uncounted(value: Any, *, name: str = "") -> Any:
        if isinstance(value, dict):
            return {key: uncounted(item, name=key) for key, item in value.items()}
        if isinstance(value, list):
            return [uncounted(item) for item in value]
        return max(0, value - 1) if name in {"total", "completed", "succeeded"} else value

    events = [
        event
        for event in traces.events
        if event["type"] != "batchmgr.job.waiting" and not event["subject"].endswith(JOB_MANAGER_TASK_ID)
    ]
    return replace(traces, events=uncounted(events), callback=uncounted(traces.callback))


def comparable_events_of(traces: Traces) -> list[dict[str, Any]]:
    """Return the events whose number does not depend on the moments of the polls."""
    return comparable(traces.events, leave_out=(*POLL_DEPENDENT, "task.progress"))


def last_progress(traces: Traces) -> dict[str, tuple[float, str]]:
    """Return the last progress of each task. How many others are published depends on the polls."""
    events = [event for event in traces.events if event["type"] == "batchmgr.task.progress"]
    return {event["subject"]: (event["data"]["fraction"], event["data"]["message"]) for event in events}
