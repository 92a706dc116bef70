"""A task of a job message becomes the plan of a Batch task."""

import msgspec
from msgspec.structs import replace

from batchmgr.plan.ids import job_container
from batchmgr.plan.job_plan import TaskPlan
from batchmgr.wire.json_codec import prepare
from batchmgr.wire.task_message import TaskMessage

prepare(TaskPlan)


def plan_task(job_id: str, task: TaskMessage) -> TaskPlan:
    """Return the plan of a task. Files that name no container are in the job's own."""
    own = job_container(job_id)
    inputs = tuple(
        file if file.container_name or file.http_url else replace(file, container_name=own)
        for file in task.input_files
    )
    outputs = tuple(
        file if file.container_name else replace(file, container_name=own) for file in task.output_files
    )
    whole = replace(
        task, input_files=inputs, output_files=outputs, depends_on=tuple(dict.fromkeys(task.depends_on))
    )
    return msgspec.convert(whole, TaskPlan, from_attributes=True)
