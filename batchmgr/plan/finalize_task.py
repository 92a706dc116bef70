"""How every job gets its FinalizeTask: the task that waits for all others and writes the finalize blob.

It is added here whether a workload, a list of tasks or a job manager task on a node described the job.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from batchmgr.plan.dependencies import gather, mark_leaves
from batchmgr.plan.file_specifications import FINALIZE_CONTAINER, ContainerNeed, OutputFileSpecification
from batchmgr.plan.ids import job_container
from batchmgr.plan.job_plan import (
    FINALIZE_FILE,
    FINALIZE_TASK_ID,
    FINALIZE_VARIABLE,
    JobDraft,
    JobPlan,
    TaskPlan,
)
from batchmgr.plan.task_options import ContainerSettings


def complete_draft(job_id: str, draft: JobDraft, finalize_message: str) -> JobPlan:
    """Return the plan of the job: the draft and its FinalizeTask. `plan_problems` checks it afterwards.

    `finalize_message` is the JSON object that the FinalizeTask writes to the finalize blob.
    """
    tasks = draft.tasks if draft.examples else mark_leaves(draft.tasks)
    leaves = draft.leaves if draft.examples else [task.id for task in tasks if task.is_leaf]
    manager = () if draft.job_manager_task is None else (draft.job_manager_task,)
    container = own_container_settings((*(draft.examples or tasks), *manager))
    gathering, awaited = gather(leaves, container)
    own_container = ContainerNeed(container_name=job_container(job_id))
    finalize_task = replace(
        draft.finalize_task,
        id=FINALIZE_TASK_ID,
        environment={**draft.finalize_task.environment, FINALIZE_VARIABLE: finalize_message},
        output_files=(*draft.finalize_task.output_files, finalize_blob(job_id)),
        depends_on=awaited,
        container_settings=draft.finalize_task.container_settings or container,
        manifest_need=own_container if draft.asks_for_manifest else None,
    )
    return JobPlan(
        job_id=job_id,
        job=draft.job,
        tasks=tasks,
        examples=draft.examples,
        gathering_tasks=gathering,
        finalize_task=finalize_task,
        job_manager_task=draft.job_manager_task,
        can_report=draft.can_report,
        has_own_finalize=draft.has_own_finalize,
    )


def finalize_blob(job_id: str) -> OutputFileSpecification:
    """Return the file that the FinalizeTask writes last: it tells batchmgr that the job has ended."""
    return OutputFileSpecification(
        source_file_path=FINALIZE_FILE,
        target_blob_path=f"{job_id}.json",
        container_name=FINALIZE_CONTAINER,
        upload_condition="taskCompletion",
    )


def own_container_settings(tasks: Sequence[TaskPlan]) -> ContainerSettings | None:
    """Return the container settings for batchmgr's own tasks: those of the first task that has some.

    Either all tasks of a job run in containers or none does. Nodes of a pool that is made for containers fail
    every task without container settings (`ContainerTaskSettingsNotFound`).
    Source: https://github.com/microsoft/ga4gh-tes/issues/525
    """
    return next((task.container_settings for task in tasks if task.container_settings is not None), None)


def finalize_message(job_id: str, *, written_by: str, reason: str = "") -> str:
    """Return the JSON of a finalize blob. `written_by` is `FinalizeTask` or `batchmgr`.

    The blob's existence is what ends the job. Its content is for people who look at it.
    """
    content = {"jobId": job_id, "writtenBy": written_by}
    if reason:
        content["reason"] = reason
    return json.dumps(content)
