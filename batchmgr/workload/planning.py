"""From a workload and a job's inputs to the plan of its Batch tasks. Nothing is run, read or sent."""

import json
from collections.abc import Sequence
from datetime import timedelta

from batchmgr.errors import InvalidInputError, InvalidJobError
from batchmgr.model.ids import is_valid_id
from batchmgr.model.plan import INPUTS_VARIABLE, JobPlan, TaskPlan
from batchmgr.workload.base import WorkloadBase
from batchmgr.workload.finalize_plan import as_finalize_task, mark_leaves
from batchmgr.workload.job_manager import JobContext, JobManager
from batchmgr.workload.specification import TaskSpecification

MAX_INPUTS_BYTES = 32 * 1024
"""The most that a task's inputs may take as JSON: they travel in an environment variable of the task."""


def plan_workload(
    workload: WorkloadBase,
    context: JobContext,
    *,
    pool_id: str,
    max_wall_clock_time: timedelta | None,
    finalize_message: str,
) -> JobPlan:
    """The plan of the job that `workload` makes of `context`.

    `finalize_message` is the JSON object that is to come back in the finalize blob. Raises `InvalidJobError`
    for whatever is wrong with the inputs, and for whatever the workload's own code raises.
    """
    manager = _create_job(workload, context)
    if not manager.tasks:
        raise InvalidJobError(f"workload {workload.name!r} made a job without tasks", field="inputs")
    _check_order(manager.tasks)
    drafts = [
        _plan_task(task, f"tasks[{index}]", f"python3 -m {workload.package} task {task.task_type}")
        for index, task in enumerate(manager.tasks)
    ]
    tasks = mark_leaves(drafts)
    finalize_draft = _plan_task(
        manager.finalize_task, "finalizeTask", f"python3 -m {workload.package} finalize"
    )
    return JobPlan(
        job_id=context.job_id,
        pool_id=pool_id,
        tasks=tasks,
        finalize_task=as_finalize_task(
            finalize_draft, job_id=context.job_id, tasks=tasks, finalize_message=finalize_message
        ),
        max_wall_clock_time=max_wall_clock_time,
    )


def _create_job(workload: WorkloadBase, context: JobContext) -> JobManager:
    try:
        return workload.plan(context)
    except InvalidJobError:
        raise
    except InvalidInputError as error:
        raise InvalidJobError(str(error), field="inputs") from error
    except (Exception, SystemExit) as error:  # old code may call exit(): it shall not end the control plane
        raise InvalidJobError(f"workload {workload.name!r} raised {type(error).__name__}: {error}") from error


def _check_order(tasks: Sequence[TaskSpecification]) -> None:
    """Tasks have ids of their own and wait only for earlier ones, so there is no cycle."""
    earlier: dict[str, TaskSpecification] = {}  # in lower case: ids are unique without regard to it
    for index, task in enumerate(tasks):
        if not is_valid_id(task.id) or task.id.startswith("batchmgr-"):
            raise InvalidJobError(f"{task.id!r} cannot be a task's id", field=f"tasks[{index}].id")
        if task.id.lower() in earlier:
            raise InvalidJobError(f"two tasks have the id {task.id!r}", field=f"tasks[{index}].id")
        for dependency in task.depends_on:
            if earlier.get(dependency.id.lower()) is not dependency:
                raise InvalidJobError(
                    f"task {task.id!r} depends on {dependency.id!r}, which was not added before it",
                    field=f"tasks[{index}].dependsOn",
                )
        earlier[task.id.lower()] = task


def _plan_task(task: TaskSpecification, field: str, command_line: str) -> TaskPlan:
    if task.max_task_retry_count < -1:
        raise InvalidJobError("must be -1 or more", field=f"{field}.maxTaskRetryCount")
    if task.required_slots < 1:
        raise InvalidJobError("must be 1 or more", field=f"{field}.requiredSlots")
    return TaskPlan(
        id=task.id,
        command_line=command_line,
        display_name=task.display_name or task.task_type,
        environment={**task.environment, INPUTS_VARIABLE: _encode_inputs(task, field)},
        input_files=tuple(
            file.to_input_file(field=f"{field}.inputFiles[{index}]")
            for index, file in enumerate(task.input_files)
        ),
        output_files=tuple(
            file.to_output_file(field=f"{field}.outputFiles[{index}]")
            for index, file in enumerate(task.output_files)
        ),
        depends_on=tuple(dict.fromkeys(dependency.id for dependency in task.depends_on)),
        max_task_retry_count=task.max_task_retry_count,
        max_wall_clock_time=task.max_wall_clock_time,
        required_slots=task.required_slots,
    )


def _encode_inputs(task: TaskSpecification, field: str) -> str:
    try:
        # ASCII only, so that no locale of a node changes it on the way.
        encoded = json.dumps(task.inputs, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidJobError(
            f"the inputs of task {task.id!r} ({task.task_type}) are not JSON: {error}",
            field=f"{field}.inputs",
        ) from error
    if len(encoded) > MAX_INPUTS_BYTES:
        raise InvalidJobError(
            f"the inputs of task {task.id!r} ({task.task_type}) take {len(encoded)} bytes as JSON, more than "
            f"{MAX_INPUTS_BYTES}; put the data in a blob and name it in input_files",
            field=f"{field}.inputs",
        )
    return encoded
