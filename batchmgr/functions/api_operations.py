"""What each route of the HTTP API takes and answers: for the OpenAPI document.

`docs/http-api.md` says the same in words. The tests compare both with the routes and with real answers.
"""

from typing import Annotated, Literal

import msgspec

from batchmgr.model.request_limits import MAX_EVENTS, MAX_JOBS, MAX_LETTERS, MAX_TASKS, MAX_TOKEN
from batchmgr.wire.answers import (
    AcceptedAnswer,
    DeadLetterPage,
    DeletionAnswer,
    EventPage,
    HealthAnswer,
    HealthDetails,
    JobAnswer,
    JobPage,
    OpenApiAnswer,
    OutcomeAnswer,
    TaskPage,
    UploadAnswer,
)
from batchmgr.wire.job_message import JobMessage
from batchmgr.wire.openapi_document import Operation, Parameter
from batchmgr.wire.plan_preview import PlanPreview
from batchmgr.wire.queue_message import UploadReference
from batchmgr.wire.rerun_request import RerunRequest

API_VERSION = "1"
"""That of the job message, and of all answers. Fields and routes may be added without another version."""

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
        summary="List jobs, in pages.",
        parameters=(_limit(50, MAX_JOBS), AFTER),
        answers={200: JobPage},
        errors=(400, *SERVICES),
    ),
    Operation(
        method="GET",
        path="jobs/{jobId}",
        id="status",
        summary="A job as it is now.",
        answers={200: JobAnswer},
        errors=OF_A_JOB,
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
        answers={200: OutcomeAnswer, 202: AcceptedAnswer},
        headers=ACCEPTED,
        errors=OF_A_JOB,
    ),
    Operation(
        method="GET",
        path="jobs/{jobId}/tasks",
        id="tasks",
        summary="The tasks of a job as Azure Batch has them now, in pages.",
        parameters=(
            Parameter(
                name="state",
                type_=Literal["active", "preparing", "running", "completed"],
                description="Only the tasks in this state.",
            ),
            _limit(MAX_TASKS, MAX_TASKS),
            AFTER,
        ),
        answers={200: TaskPage},
        errors=(400, *OF_A_JOB),
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
        ),
        answers={200: EventPage},
        errors=(400, *OF_A_JOB),
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
        summary="A URL to which a large job message can be uploaded.",
        answers={201: UploadAnswer},
        errors=SERVICES,
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
        media_types={200: "text/html"},
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
