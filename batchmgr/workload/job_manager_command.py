"""The command `job-manager`: run by a Batch job manager task, it plans the job on a node.

It writes the job's tasks to the file `batchmgr-tasks.json`, and Azure Batch uploads the file to a blob. The
control plane reads it, checks it and adds the tasks. So the node needs no access to Azure Batch, and the
control plane need not be able to import the workload.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import timedelta
from typing import Any

from batchmgr.errors import InvalidJobError
from batchmgr.plan.job_plan import JOB_VARIABLE, MAX_PLANNED_BYTES, PLANNED_TASKS_FILE
from batchmgr.plan.job_specification import JobSpecification
from batchmgr.workload.draft_from_workload import draft_from_workload
from batchmgr.workload.field_type_check import camel
from batchmgr.workload.job_manager import JobContext
from batchmgr.workload.task_command import attempt, exit_code, write_json
from batchmgr.workload.workload_base import WorkloadBase
from batchmgr.workload.workload_task import TaskContext

_NOT_IN_MESSAGES = frozenset({"is_leaf"})


def run_job_manager(workload: WorkloadBase, environment: Mapping[str, str]) -> int:
    """Plan the job that the variable `BATCHMGR_JOB` describes. Return the exit code for the process."""
    context = TaskContext.from_environment(environment)
    error = attempt(context, lambda: _plan(workload, environment, context))
    return exit_code(error)


def _plan(workload: WorkloadBase, environment: Mapping[str, str], context: TaskContext) -> None:
    draft = draft_from_workload(workload, _read_job(environment.get(JOB_VARIABLE, "")))
    if draft.job != JobSpecification():
        raise InvalidJobError(
            "a job manager on a node cannot change the settings of the job (self.job), which is already in "
            "Azure Batch. Put its pool, priority and other settings in the job message"
        )
    tasks = [to_message(task) for task in draft.tasks]
    content = {"tasks": tasks, "finalizeTask": to_message(draft.finalize_task)}
    path = context.working_directory / PLANNED_TASKS_FILE
    write_json(path, content)
    if path.stat().st_size > MAX_PLANNED_BYTES:
        raise InvalidJobError(
            f"the {len(tasks)} tasks take {path.stat().st_size:,} bytes as JSON, more than the "
            f"{MAX_PLANNED_BYTES:,} that a plan may have: put data in blobs, or split the job"
        )


def _read_job(text: str) -> JobContext:
    try:
        job = json.loads(text)
        return JobContext(job_id=job["jobId"], inputs=job["inputs"])
    except (ValueError, KeyError, TypeError):
        raise InvalidJobError(
            f"{JOB_VARIABLE} does not describe a job. batchmgr sets it for a job manager task on a node. To "
            "run the workload by hand, use plan or local"
        ) from None


def to_message(content: Any) -> Any:
    """Return a value as a job message has it: names in camelCase, without empty fields."""
    if is_dataclass(content):
        given = ((item, getattr(content, item.name)) for item in fields(content))
        return {
            camel(item.name): to_message(one)
            for item, one in given
            if item.name not in _NOT_IN_MESSAGES and one not in (None, "", (), {})
        }
    if isinstance(content, timedelta):
        return f"PT{content.total_seconds():.6f}S"
    if isinstance(content, (tuple, list)):
        return [to_message(one) for one in content]
    return content
