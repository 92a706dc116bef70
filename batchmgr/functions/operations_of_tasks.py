"""What the routes of tasks, and of what they leave, take and answer. `api_operations` has all routes."""

from batchmgr.functions.api_parameters import AFTER, FILES, OF_A_JOB, SELECT, filter_by, limit
from batchmgr.model.request_limits import MAX_TASKS
from batchmgr.model.task_query import TASK_STATES
from batchmgr.wire.job_answer_types import (
    LinkAnswer,
)
from batchmgr.wire.openapi_document import Operation, Parameter
from batchmgr.wire.task_answer_types import FailureList, FileList, TaskAnswer, TaskPage, TimelineAnswer

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        method="GET",
        path="jobs/{jobId}/tasks",
        id="tasks",
        summary="The tasks of a job as Azure Batch has them now, in pages.",
        parameters=(
            filter_by("state", f"In one of these states: {', '.join(TASK_STATES)}."),
            Parameter(name="exitCode", type_=int, description="With this exit code."),
            filter_by("error", "Failed with an error of this type."),
            filter_by("kind", "Of this kind."),
            filter_by("node", "On the node with this id."),
            SELECT,
            limit(MAX_TASKS, MAX_TASKS),
            AFTER,
        ),
        answers={200: TaskPage},
        errors=(400, *OF_A_JOB),
    ),
    Operation(
        method="GET",
        path="jobs/{jobId}/tasks/{taskId}",
        id="task",
        summary="One task of a job as Azure Batch has it now.",
        answers={200: TaskAnswer},
        errors=OF_A_JOB,
    ),
    Operation(
        method="GET",
        path="jobs/{jobId}/tasks/{taskId}/files/{*path}",
        id="taskFile",
        summary="A file of a task, or a part of it; without a path, the list of its files.",
        parameters=(
            Parameter(name="Range", type_=str, place="header", description="One range: `bytes=0-1023`."),
        ),
        answers={200: FileList, 206: None},
        media_types={200: FILES, 206: FILES},
        errors=(410, 416, *OF_A_JOB),
    ),
    Operation(
        method="GET",
        path="jobs/{jobId}/results/{*name}",
        id="resultFile",
        summary="Redirects to a result, by a link of minutes.",
        parameters=(
            Parameter(name="redirect", type_=bool, default=True, description="If false, the link as JSON."),
        ),
        answers={200: LinkAnswer, 302: None},
        headers={302: ("Location",)},
        errors=(409, 410, *OF_A_JOB),
    ),
    Operation(
        method="GET",
        path="jobs/{jobId}/failures",
        id="failures",
        summary="The failed tasks of a job in groups, by their causes.",
        answers={200: FailureList},
        errors=OF_A_JOB,
    ),
    Operation(
        method="GET",
        path="jobs/{jobId}/timeline",
        id="timeline",
        summary="When all tasks of a job have run, and where, as columns.",
        answers={200: TimelineAnswer},
        errors=OF_A_JOB,
    ),
)
