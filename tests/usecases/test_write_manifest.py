"""The manifest, which tells the FinalizeTask how the other tasks ended."""

from dataclasses import replace

import msgspec

from batchmgr.model.batch_snapshots import TaskError, TaskSnapshot
from batchmgr.model.job_record_parts import FailedTask
from batchmgr.model.poll_cursors import PollCursor
from batchmgr.model.usage import Usage
from batchmgr.plan.file_specifications import OutputFileSpecification
from batchmgr.plan.job_plan import FINALIZE_TASK_ID, JobDraft, TaskPlan
from batchmgr.plan.job_specification import JobSpecification
from batchmgr.steps.write_manifest import write_manifest
from batchmgr.workload.manifest import FinishedTask, Manifest, TaskOutput
from tests.plans import complete
from tests.world import World, job_message

OUT = OutputFileSpecification(source_file_path="*.txt", container_name="out", target_blob_path="all")


def shown(task_id: str, **changes: object) -> TaskSnapshot:
    task = TaskSnapshot(task_id=task_id, state="completed", state_transition_time=World().clock.now())
    return msgspec.structs.replace(task, **changes)


async def test_the_manifest_lists_every_way_to_end_with_the_expected_outputs() -> None:
    world = World()
    world.enqueue(job_message())
    await world.tick()
    tasks = [
        shown("1", result="success", exit_code=0),
        shown("2", result="failure", exit_code=2, error=TaskError(type="FailureExitCode", message="…")),
        shown("3", result="failure", exit_code=137, error=TaskError(type="TaskEnded", message="ended")),
        shown("4", result="failure", exit_code=0, error=TaskError(type="FileUploadMiscError", message="no")),
        shown("5", result="failure", error=TaskError(type="BlobNotFound", message="no a.txt")),
        shown("6", state="active"),
        shown("7", state="active", error=TaskError(type="Earlier", message="before a retry")),
        shown("batchmgr-gather-1", result="success"),
        shown(FINALIZE_TASK_ID, state="running"),
    ]
    looked_at = FailedTask(task_id="2", error=TaskError(type="InvalidInputError", message="empty"))
    record = world.record().tasks_observed(
        world.clock.now(), cursor=PollCursor(), failed=[looked_at], usage=Usage()
    )
    plans = tuple(TaskPlan(id=str(number), command_line="x") for number in range(1, 8))
    plans = (replace(plans[0], output_files=(OUT,)), *plans[1:])
    finalize = TaskPlan(id="", command_line="x")
    plan = complete(
        "job-1", JobDraft(job=JobSpecification(pool_id="p"), tasks=plans, finalize_task=finalize), "{}"
    )
    await write_manifest(world.ports, record, plan, tasks)
    body = world.files.blobs["job-1/batchmgr-manifest.json"]
    found = {task.id: task for task in Manifest.from_json(body.decode()).tasks}
    assert list(found) == ["1", "2", "3", "4", "5", "6", "7"]
    output = TaskOutput(source_file_path="*.txt", url="https://blob/out/all")
    assert found["1"] == FinishedTask(
        id="1", state="completed", result="success", exit_code=0, outputs=(output,)
    )
    assert {task_id: task.error for task_id, task in found.items() if task.error} == {
        "2": "InvalidInputError: empty",
        "3": "TaskEnded: ended",
        "4": "FileUploadMiscError: no",
        "5": "BlobNotFound: no a.txt",
    }
    assert (found["5"].exit_code, found["6"].state) == (None, "active")
    world.files.blobs["job-1/batchmgr-manifest.json"] = b"what a task has left there"
    await write_manifest(world.ports, record, plan, tasks)
    assert world.files.blobs["job-1/batchmgr-manifest.json"] == body
