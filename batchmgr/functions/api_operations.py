"""What each route of the HTTP API takes and answers: for the OpenAPI document.

`docs/http-api.md` says the same in words. The tests compare both with the routes and with real answers.
"""

from typing import Annotated

import msgspec

from batchmgr.functions.long_polls import LONGEST_WAIT
from batchmgr.model.request_limits import MAX_EVENTS, MAX_JOBS, MAX_LETTERS, MAX_TASKS, MAX_TOKEN
from batchmgr.model.task_query import TASK_STATES
from batchmgr.wire.app_answer_types import (
    DeadLetterPage,
    DeletionAnswer,
    HealthAnswer,
    HealthDetails,
    OpenApiAnswer,
    UploadAnswer,
)
from batchmgr.wire.job_answer_types import (
    AcceptedAnswer,
    EventPage,
    JobAnswer,
    JobPage,
    LinkAnswer,
    OutcomeAnswer,
)
from batchmgr.wire.job_message import JobMessage
from batchmgr.wire.openapi_document import Operation, Parameter
from batchmgr.wire.plan_preview import PlanPreview
from batchmgr.wire.queue_message import UploadReference
from batchmgr.wire.rerun_request import RerunRequest
from batchmgr.wire.task_answer_types import FailureList, FileList, TaskAnswer, TaskPage, TimelineAnswer
from batchmgr.wire.upload_request import UploadRequest
from batchmgr.wire.usage_answer import UsageAnswer

API_VERSION = "1"
"""That of the job message, and of all answers. Fields and routes may be added without another version."""

FILES = ("text/plain", "application/octet-stream")
SERVICES = (502, 503)
"""A service refuses, or can't be reached."""

OF_A_JOB = (404, *SERVICES)
ACCEPTED = {202: ("Location", "Retry-After")}
FOLLOWED = {202: ("Retry-After",)}

AFTER = Parameter(
    name="after",
    type_=Annotated[str, msgspec.Meta(max_length=MAX_TOKEN)],
    description="The token in the nextLink of the page before.",
)
WAIT = (
    Parameter(
        name="wait",
        type_=Annotated[int, msgspec.Meta(ge=0, le=LONGEST_WAIT)],
        default=0,
        description="How many seconds to wait for news.",
    ),
    Parameter(
        name="Prefer",
        type_=str,
        place="header",
        description="The same as a preference: `wait=30`.",
    ),
)
IF_NONE_MATCH = Parameter(
    name="If-None-Match",
    type_=str,
    place="header",
    description="The ETag of the answer that the caller has: 304 as long as there is no other.",
)
SELECT = Parameter(
    name="select", type_=str, description="Only these fields of each item, with commas between them."
)
IDEMPOTENCY_KEY = Parameter(
    name="Idempotency-Key",
    type_=str,
    place="header",
    description="A key of the caller's: two requests with the same key make one job.",
)


def _limit(default: int, most: int) -> Parameter:
    return Parameter(
        name="limit",
        type_=Annotated[int, msgspec.Meta(ge=1, le=most)],
        default=default,
        description="How many of them a page has at most.",
    )


def _filter(name: str, description: str) -> Parameter:
    return Parameter(name=name, type_=str, description=description)


OPERATIONS = (
    Operation(
        method="POST",
        path="jobs",
        id="submit",
        summary="Send a job. The same jobId with the same content is the same job.",
        parameters=(IDEMPOTENCY_KEY,),
        body=(JobMessage, UploadReference),
        answers={202: AcceptedAnswer},
        headers=ACCEPTED,
        errors=(400, 409, 413, *SERVICES),
    ),
    Operation(
        method="GET",
        path="jobs",
        id="list",
        summary="List jobs, the newest first, in pages. `metadata.KEY=VALUE` selects by metadata.",
        parameters=(
            _filter("state", "In one of these states, or `active` or `ended`."),
            _filter("workload", "Of this workload."),
            _filter("prefix", "With an id that begins so."),
            _filter("since", "Created at this time or later, such as 2026-11-28T09:00:00Z."),
            _filter("until", "Created before this time."),
            SELECT,
            _limit(50, MAX_JOBS),
            AFTER,
        ),
        answers={200: JobPage},
        errors=(400, *SERVICES),
    ),
    Operation(
        method="GET",
        path="jobs/{jobId}",
        id="status",
        summary="A job as it is now, or as soon as it is another than the caller knows.",
        parameters=(*WAIT, IF_NONE_MATCH),
        answers={200: JobAnswer, 304: None},
        headers={200: ("ETag",), 304: ("ETag",)},
        errors=(400, *OF_A_JOB),
    ),
    Operation(
        method="DELETE",
        path="jobs/{jobId}",
        id="purge",
        summary="Delete everything of a job that has ended.",
        answers={202: DeletionAnswer, 204: None},
        headers=FOLLOWED,
        errors=(409, *OF_A_JOB),
    ),
    Operation(
        method="GET",
        path="jobs/{jobId}/result",
        id="result",
        summary="How a job ended; 202 until it has.",
        parameters=WAIT,
        answers={200: OutcomeAnswer, 202: AcceptedAnswer},
        headers=ACCEPTED,
        errors=(400, *OF_A_JOB),
    ),
    Operation(
        method="GET",
        path="jobs/{jobId}/tasks",
        id="tasks",
        summary="The tasks of a job as Azure Batch has them now, in pages.",
        parameters=(
            _filter("state", f"In one of these states: {', '.join(TASK_STATES)}."),
            Parameter(name="exitCode", type_=int, description="With this exit code."),
            _filter("error", "Failed with an error of this type."),
            _filter("kind", "Of this kind."),
            _filter("node", "On the node with this id."),
            SELECT,
            _limit(MAX_TASKS, MAX_TASKS),
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
    Operation(
        method="GET",
        path="jobs/{jobId}/events",
        id="events",
        summary="The events of a job after a sequence number, oldest first.",
        parameters=(
            Parameter(
                name="after",
                type_=Annotated[int, msgspec.Meta(ge=0, le=10**10)],
                default=0,
                description="The `last` of the request before.",
            ),
            _limit(1000, MAX_EVENTS),
            *WAIT,
        ),
        answers={200: EventPage},
        errors=(400, *OF_A_JOB),
    ),
    Operation(
        method="GET",
        path="jobs/{jobId}/usage",
        id="usage",
        summary="What the tasks of a job have used that have ended, and what that has cost.",
        answers={200: UsageAnswer},
        errors=OF_A_JOB,
    ),
    Operation(
        method="POST",
        path="jobs/{jobId}/cancel",
        id="cancel",
        summary="Cancel a job.",
        answers={202: AcceptedAnswer},
        headers=FOLLOWED,
        errors=(409, *OF_A_JOB),
    ),
    Operation(
        method="POST",
        path="jobs/{jobId}/rerun",
        id="rerun",
        summary="Run the failed tasks of a job again, as a new job.",
        parameters=(IDEMPOTENCY_KEY,),
        body=(RerunRequest,),
        is_body_required=False,
        answers={202: AcceptedAnswer},
        headers=ACCEPTED,
        errors=(400, 409, *OF_A_JOB),
    ),
    Operation(
        method="POST",
        path="jobs/{jobId}/redrive",
        id="redrive",
        summary="Send the callbacks again that were given up.",
        answers={202: AcceptedAnswer},
        headers=FOLLOWED,
        errors=(409, *OF_A_JOB),
    ),
    Operation(
        method="GET",
        path="dead-letters",
        id="deadLetters",
        summary="What was given up or could not be used, the newest first, in pages.",
        parameters=(_limit(50, MAX_LETTERS), AFTER),
        answers={200: DeadLetterPage},
        errors=(400, *SERVICES),
    ),
    Operation(
        method="POST",
        path="plan",
        id="plan",
        summary="What a job would be, and all that is wrong with it. Nothing is stored or sent.",
        parameters=(
            Parameter(
                name="tasks",
                type_=Annotated[int, msgspec.Meta(ge=0, le=1000)],
                default=10,
                description="How many tasks to show in full.",
            ),
            IDEMPOTENCY_KEY,
        ),
        body=(JobMessage, UploadReference),
        answers={200: PlanPreview},
        errors=(400, 413, *SERVICES),
    ),
    Operation(
        method="POST",
        path="uploads",
        id="upload",
        summary="A URL to which a large job message, or an input, can be uploaded.",
        body=(UploadRequest,),
        is_body_required=False,
        answers={201: UploadAnswer},
        errors=(400, *SERVICES),
    ),
    Operation(
        method="GET",
        path="openapi.json",
        id="openapi",
        summary="This document.",
        answers={200: OpenApiAnswer},
        errors=SERVICES,
    ),
    Operation(
        method="GET",
        path="dashboard",
        id="dashboard",
        summary="A page for browsers that shows jobs. It needs no key, and asks for one.",
        answers={200: None},
        media_types={200: ("text/html",)},
        needs_key=False,
    ),
    Operation(
        method="GET",
        path="health",
        id="health",
        summary="Whether the app can work. It needs no key.",
        answers={200: HealthAnswer, 503: HealthAnswer},
        needs_key=False,
    ),
    Operation(
        method="GET",
        path="health/details",
        id="healthDetails",
        summary="Whether the app can work, and what is wrong.",
        answers={200: HealthDetails, 503: HealthDetails},
    ),
)
"""The operations of the API. Their ids are the commands of the command line, where there is one."""
