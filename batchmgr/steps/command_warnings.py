"""Warnings about command lines: the job is accepted, but may do something else than its sender means."""

from collections.abc import Iterator
from itertools import islice

from batchmgr.errors import InvalidJobError
from batchmgr.plan.job_plan import JobPlan, TaskPlan
from batchmgr.plan.problems import first_problems
from batchmgr.plan.shell_signs import shell_signs
from batchmgr.steps.plan_job import in_message
from batchmgr.wire.job_message import JobMessage
from batchmgr.wire.plan_preview import Problem

MOST_TASKS = 1000
"""How many tasks of a list are looked at."""


def command_warnings(message: JobMessage, plan: JobPlan) -> tuple[Problem, ...]:
    """Return a warning for each command that looks as if it were for a shell, and starts none."""
    return tuple(map(Problem.of, first_problems(_warnings(message, plan))))


def _warnings(message: JobMessage, plan: JobPlan) -> Iterator[InvalidJobError]:
    for field, task in _commands(message, plan):
        if signs := shell_signs(task.command_line):
            reason = (
                f"has {' and '.join(signs)}, but starts no shell: Azure Batch hands that to the program as "
                "it is. If you mean a shell, write /bin/sh -c '…'"
            )
            problem = InvalidJobError(reason, field=f"{field}.commandLine")
            yield in_message(message, plan, problem) if message.task_factory is not None else problem


def _commands(message: JobMessage, plan: JobPlan) -> Iterator[tuple[str, TaskPlan]]:
    """Yield tasks, each with its field. The examples of a factory stand for all of its tasks."""
    tasks = plan.tasks if message.task_factory is None else plan.stand_ins
    for index, task in enumerate(islice(tasks, MOST_TASKS)):
        yield f"tasks[{index}]", task
    if plan.job_manager_task is not None:
        yield "jobManagerTask", plan.job_manager_task
