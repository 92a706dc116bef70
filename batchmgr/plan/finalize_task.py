"""From a draft to a plan: the FinalizeTask takes its place, last, waiting for all, leaving the finalize blob.

Every job gets it here, whether a workload, a list of tasks or a job manager task described the job.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from batchmgr.plan.file_specifications import FINALIZE_CONTAINER, ContainerNeed, OutputFileSpecification
from batchmgr.plan.ids import INTEGER_ID, job_container
from batchmgr.plan.job_plan import (
    FINALIZE_FILE,
    FINALIZE_TASK_ID,
    FINALIZE_VARIABLE,
    RESERVED_PREFIX,
    JobDraft,
    JobPlan,
    TaskPlan,
)
from batchmgr.plan.plan_rules import MAX_DEPENDENCY_CHARACTERS
from batchmgr.plan.task_options import ContainerSettings


def lay_out(job_id: str, draft: JobDraft, finalize_message: str) -> JobPlan:
    """The plan of the job, unchecked: `plan_rules` says what is wrong with it.

    `finalize_message` is the JSON object that comes back in the finalize blob.
    """
    tasks = mark_leaves(draft.tasks)
    container = own_container_settings(
        tasks if draft.job_manager_task is None else (*tasks, draft.job_manager_task)
    )
    gathering, awaited = gather([task.id for task in tasks if task.is_leaf], container)
    finalize_blob = OutputFileSpecification(
        source_file_path=FINALIZE_FILE,
        target_blob_path=f"{job_id}.json",
        container_name=FINALIZE_CONTAINER,
        upload_condition="taskCompletion",
    )
    own_container = ContainerNeed(container_name=job_container(job_id))
    finalize_task = replace(
        draft.finalize_task,
        id=FINALIZE_TASK_ID,
        environment={**draft.finalize_task.environment, FINALIZE_VARIABLE: finalize_message},
        output_files=(*draft.finalize_task.output_files, finalize_blob),
        depends_on=awaited,
        container_settings=draft.finalize_task.container_settings or container,
        manifest_need=own_container if draft.asks_for_manifest else None,
    )
    return JobPlan(
        job_id=job_id,
        job=draft.job,
        tasks=tasks,
        gathering_tasks=gathering,
        finalize_task=finalize_task,
        job_manager_task=draft.job_manager_task,
        can_report=draft.can_report,
    )


def mark_leaves(tasks: Sequence[TaskPlan]) -> tuple[TaskPlan, ...]:
    """The same tasks, each knowing whether another one waits for it."""
    awaited = {task_id for task in tasks for task_id in task.depends_on}
    return tuple(replace(task, is_leaf=False) if task.id in awaited else task for task in tasks)


def own_container_settings(tasks: Sequence[TaskPlan]) -> ContainerSettings | None:
    """The container for batchmgr's own tasks: that of the first task, since all have one or none has.

    Nodes of a pool that is made for containers fail every task without one (`ContainerTaskSettingsNotFound`).
    Source: https://github.com/microsoft/ga4gh-tes/issues/525
    """
    return next((task.container_settings for task in tasks if task.container_settings is not None), None)


def gather(
    ids: Sequence[str], container: ContainerSettings | None = None
) -> tuple[tuple[TaskPlan, ...], tuple[str, ...]]:
    """Tasks that do nothing but wait for some of `ids` each, and what there is to wait for in their stead.

    There are none unless the ids have more characters than one task can wait for.
    """
    named = [task_id for task_id in ids if not INTEGER_ID.fullmatch(task_id)]
    if sum(map(len, named)) <= MAX_DEPENDENCY_CHARACTERS:
        return (), tuple(ids)
    tasks = tuple(
        TaskPlan(
            id=f"{RESERVED_PREFIX}gather-{number}",
            display_name="waits for some of the tasks",
            command_line="/bin/sh -c :",
            container_settings=container,
            depends_on=tuple(group),
        )
        for number, group in enumerate(_groups(named), 1)
    )
    rest = [task_id for task_id in ids if INTEGER_ID.fullmatch(task_id)]
    return tasks, (*rest, *(task.id for task in tasks))


def _groups(ids: Iterable[str]) -> Iterator[list[str]]:
    group: list[str] = []
    size = 0
    for task_id in ids:
        if size + len(task_id) > MAX_DEPENDENCY_CHARACTERS:
            yield group
            group, size = [], 0
        group.append(task_id)
        size += len(task_id)
    yield group
