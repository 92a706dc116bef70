"""The command `plan`: prints the tasks that a job would have, and what is wrong with it."""

from __future__ import annotations

import sys
from argparse import Namespace
from itertools import islice

from batchmgr.errors import InvalidJobError
from batchmgr.plan.finalize_task import complete_draft
from batchmgr.plan.ids import is_valid_id
from batchmgr.plan.job_plan import INPUTS_VARIABLE, JobPlan, TaskPlan
from batchmgr.plan.job_specification import JobSpecification
from batchmgr.plan.plan_rules import plan_problems
from batchmgr.plan.task_rules import ID_RULE
from batchmgr.workload.draft_from_workload import draft_from_workload
from batchmgr.workload.job_arguments import read_inputs
from batchmgr.workload.job_manager import JobContext
from batchmgr.workload.workload_base import WorkloadBase

_SHOWN = 10
_DEFAULT_POOL = "batchmgr's default pool"


def show_plan(workload: WorkloadBase, arguments: Namespace) -> int:
    """Print the plan and its problems. Return 2 if there are any, else 0.

    Raise `InvalidJobError` if there can be no plan.
    """
    if arguments.job_id and not is_valid_id(arguments.job_id):
        raise InvalidJobError(ID_RULE, field="--job-id")
    job = JobSpecification(pool_id=arguments.pool or _DEFAULT_POOL)
    context = JobContext(job_id=arguments.job_id or "preview", inputs=read_inputs(arguments.inputs), job=job)
    plan = complete_draft(context.job_id, draft_from_workload(workload, context), "{}")
    problems = list(islice(plan_problems(plan), _SHOWN))
    sys.stdout.write("\n".join(_lines(workload, plan)) + "\n")
    for problem in problems:
        sys.stdout.write(f"problem: {problem}\n")
    return 2 if problems else 0


def _lines(workload: WorkloadBase, plan: JobPlan) -> list[str]:
    pool = "an auto pool" if plan.job.auto_pool else plan.job.pool_id
    count = len(plan.tasks)
    lines = [f"{workload.name}: {count} task{'s' * (count != 1)} and a FinalizeTask, on {pool}"]
    shown = plan.tasks[:_SHOWN]
    width = max(len(task.id) for task in (*shown, plan.finalize_task))
    lines += [_line(task, width) for task in shown]
    if count > _SHOWN:
        lines.append(f"  … and {count - _SHOWN} more")
    return [*lines, _line(plan.finalize_task, width, "after all")]


def _line(task: TaskPlan, width: int, waits: str = "") -> str:
    if not waits and task.depends_on:
        waits = f"after {', '.join(task.depends_on[:5])}{', …' * (len(task.depends_on) > 5)}"
    files = f"{len(task.input_files)} in, {len(task.output_files)} out"
    what = task.environment.get(INPUTS_VARIABLE) or task.command_line
    parts = (task.display_name, what if len(what) <= 60 else f"{what[:59]}…", files, waits)
    return f"  {task.id:<{width}}  " + "  ".join(part for part in parts if part)
