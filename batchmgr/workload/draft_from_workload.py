"""Turns what a workload's `create_job` adds into a `JobDraft`. No task is run, and nothing is sent."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import Callable, Iterator, Sequence

from batchmgr.errors import InvalidInputError, InvalidJobError
from batchmgr.plan.job_plan import INPUTS_VARIABLE, JobDraft, TaskPlan
from batchmgr.workload.field_type_check import check_field_types
from batchmgr.workload.job_manager import JobContext, JobManager
from batchmgr.workload.task_specification import TaskSpecification
from batchmgr.workload.workload_base import WorkloadBase

MAX_INPUTS_BYTES = 32 * 1024
"""The size limit of a task's inputs as JSON. They are sent in an environment variable of the task."""


Keep = Callable[[Iterator[TaskPlan]], Sequence[TaskPlan]]
"""Takes the tasks of a job as they are made, and returns them."""


def draft_from_workload(workload: WorkloadBase, context: JobContext, keep: Keep = tuple) -> JobDraft:
    """Run the workload's `create_job` and return the draft of the job, with the tasks that `keep` returns.

    Raise `InvalidJobError` if the inputs or specifications are wrong, or if the workload's code raises any
    exception.
    """
    with _errors_of(workload):
        manager = workload.job_manager(context)
    tasks = keep(_planned_tasks(workload, manager))
    if not tasks:
        raise InvalidJobError(
            f"workload {workload.name!r} made a job without tasks: create_job must add at least one",
            field="inputs",
        )
    check_field_types(manager.job, "")
    check_field_types(manager.finalize_task, "finalizeTask")
    return JobDraft(
        job=manager.job,
        tasks=tasks,
        finalize_task=_plan_task(manager.finalize_task, "finalizeTask", workload, "finalize"),
        can_report=True,
        asks_for_manifest=workload.entry_points.has_own_finalize_task,
        has_own_finalize=workload.entry_points.has_own_finalize_task
        or bool(manager.finalize_task.command_line),
    )


def _planned_tasks(workload: WorkloadBase, manager: JobManager) -> Iterator[TaskPlan]:
    """Yield the plan of each task when `create_job` has completed it."""
    for index, task in enumerate(_completed_tasks(workload, manager)):
        field = f"tasks[{index}]"
        check_field_types(task, field)
        for dependency in task.depends_on:
            if not manager._has_added(dependency):
                raise InvalidJobError(
                    f"task {task.id!r} depends on {dependency.id!r}, which was not added to this job; use "
                    "only tasks that add_workload_task or add_command_task returned",
                    field=f"{field}.dependsOn",
                )
        yield _plan_task(task, field, workload, "task", task.task_type)


def _completed_tasks(workload: WorkloadBase, manager: JobManager) -> Iterator[TaskSpecification]:
    with _errors_of(workload):
        yield from manager._completed_tasks()


@contextmanager
def _errors_of(workload: WorkloadBase) -> Iterator[None]:
    """Raise `InvalidJobError` for any exception of the workload's code."""
    try:
        yield
    except InvalidJobError:
        raise
    except InvalidInputError as error:
        raise InvalidJobError(str(error), field="inputs") from error
    except (Exception, SystemExit) as error:  # old code may call exit(), which must not end the control plane
        raise InvalidJobError(f"workload {workload.name!r} raised {type(error).__name__}: {error}") from error


def _plan_task(task: TaskSpecification, field: str, workload: WorkloadBase, *command: str) -> TaskPlan:
    """Return the plan of a task. Without a command line of its own it runs this `command` of the workload."""
    environment, packages = dict(task.environment), list(task.application_packages)
    if task.task_type:
        environment[INPUTS_VARIABLE] = _encode_inputs(task, field)
        if workload.application_package is not None and workload.application_package not in packages:
            packages.append(workload.application_package)
    return TaskPlan(
        id=task.id,
        command_line=task.command_line or workload.command_line(*command),
        display_name=task.display_name or task.task_type,
        environment=environment,
        input_files=tuple(task.input_files),
        output_files=tuple(task.output_files),
        depends_on=tuple(dict.fromkeys(dependency.id for dependency in task.depends_on)),
        max_task_retry_count=task.max_task_retry_count,
        max_wall_clock_time=task.max_wall_clock_time,
        retention_time=task.retention_time,
        required_slots=task.required_slots,
        exit_conditions=task.exit_conditions,
        container_settings=task.container_settings,
        user_identity=task.user_identity,
        application_packages=tuple(packages),
        multi_instance_settings=task.multi_instance_settings,
    )


def _encode_inputs(task: TaskSpecification, field: str) -> str:
    try:
        # ASCII only, so that the locale of a node cannot change it.
        encoded = json.dumps(task.inputs, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidJobError(
            f"the inputs of task {task.id!r} ({task.task_type}) are not JSON: {error}; use only text, "
            "numbers, True, False, None, lists and dictionaries",
            field=f"{field}.inputs",
        ) from error
    if len(encoded) > MAX_INPUTS_BYTES:
        raise InvalidJobError(
            f"the inputs of task {task.id!r} ({task.task_type}) take {len(encoded)} bytes as JSON, more than "
            f"{MAX_INPUTS_BYTES}; put the data in a blob and name it in input_files",
            field=f"{field}.inputs",
        )
    return encoded
