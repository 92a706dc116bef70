"""The plan of a rerun: some tasks of a job that has ended, as they were planned, and a new FinalizeTask.

Their files are those of the first job, in its container. What belongs to the run is the rerun's own: its
reports, its manifest and its finalize blob.
"""

from collections.abc import Collection
from dataclasses import replace

from batchmgr.plan.container_rules import DEFAULT_RULES, ContainerRules
from batchmgr.plan.finalize_task import complete_draft, finalize_message
from batchmgr.plan.job_plan import FINALIZE_FILE, JobDraft, JobPlan, TaskPlan
from batchmgr.steps.record_tasks import TaskRecorder


def tasks_to_rerun(plan: JobPlan, succeeded: Collection[str]) -> frozenset[str]:
    """Return the ids of the tasks that have not succeeded, and of all that wait for one of these."""
    chosen = {task.id for task in plan.tasks if task.id not in succeeded}
    before = -1
    while before != len(chosen):  # a task may be planned before one that it waits for
        before = len(chosen)
        for task in plan.tasks:
            if task.id not in chosen and not chosen.isdisjoint(task.depends_on):
                chosen.add(task.id)
    return frozenset(chosen)


def plan_rerun(
    job_id: str, plan: JobPlan, chosen: Collection[str], containers: ContainerRules = DEFAULT_RULES
) -> JobPlan:
    """Return the plan of a rerun of these tasks of a plan, written to a file. None waits for another task.

    Raise InvalidJobError for a plan that breaks a rule, which its job was rejected for.
    """
    recorder = TaskRecorder(plan.files_job_id, containers)
    tasks = recorder.record(
        replace(task, depends_on=tuple(parent for parent in task.depends_on if parent in chosen))
        for task in plan.tasks
        if task.id in chosen
    )
    draft = JobDraft(
        job=plan.job,
        tasks=tasks,
        finalize_task=_undone(plan.finalize_task),
        examples=recorder.examples,
        leaves=recorder.leaves,
        can_report=plan.can_report,
        asks_for_manifest=plan.finalize_task.manifest_need is not None,
        has_own_finalize=plan.has_own_finalize,
    )
    again = complete_draft(job_id, draft, finalize_message(job_id, written_by="FinalizeTask"))
    completes = "" if len(tasks) == len(plan.tasks) and not plan.completes else plan.job_id
    return replace(
        again,
        tasks=tasks,
        files_of=plan.files_job_id,
        completes=completes,
        keep_streams=plan.keep_streams,
    )


def _undone(task: TaskPlan) -> TaskPlan:
    """Return the FinalizeTask as its author has described it, without what `complete_draft` adds."""
    files = tuple(file for file in task.output_files if file.source_file_path != FINALIZE_FILE)
    return replace(task, output_files=files, depends_on=(), manifest_need=None)
