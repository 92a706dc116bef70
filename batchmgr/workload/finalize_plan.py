"""The FinalizeTask's place in a plan: last, waiting for all, and leaving the finalize blob behind.

Every job gets it here, whether a workload or a list of tasks described the job.
"""

from collections.abc import Sequence
from dataclasses import replace

from batchmgr.model.plan import (
    FINALIZE_CONTAINER,
    FINALIZE_FILE,
    FINALIZE_TASK_ID,
    FINALIZE_VARIABLE,
    OutputFile,
    TaskPlan,
)


def mark_leaves(tasks: Sequence[TaskPlan]) -> tuple[TaskPlan, ...]:
    """The same tasks, each knowing whether another one waits for it."""
    awaited = {task_id for task in tasks for task_id in task.depends_on}
    return tuple(replace(task, is_leaf=task.id not in awaited) for task in tasks)


def as_finalize_task(
    draft: TaskPlan, *, job_id: str, tasks: Sequence[TaskPlan], finalize_message: str
) -> TaskPlan:
    """The draft, which says what the FinalizeTask runs, made to run after `tasks` (their leaves marked).

    `finalize_message` is the JSON object that comes back in the finalize blob, with how the task itself went.
    """
    finalize_blob = OutputFile(
        source_file_path=FINALIZE_FILE,
        target_blob_path=f"{job_id}.json",
        container_name=FINALIZE_CONTAINER,
        upload_condition="taskCompletion",
    )
    return replace(
        draft,
        id=FINALIZE_TASK_ID,
        environment={**draft.environment, FINALIZE_VARIABLE: finalize_message},
        output_files=(*draft.output_files, finalize_blob),
        depends_on=tuple(task.id for task in tasks if task.is_leaf),
    )
