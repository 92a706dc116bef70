"""What the routes of jobs take and answer. `api_operations` has all routes."""

from typing import Annotated

import msgspec

from batchmgr.functions.api_parameters import (
    ACCEPTED,
    AFTER,
    FOLLOWED,
    IDEMPOTENCY_KEY,
    IF_NONE_MATCH,
    OF_A_JOB,
    SELECT,
    SERVICES,
    WAIT,
    filter_by,
    limit,
)
from batchmgr.model.request_limits import MAX_EVENTS, MAX_JOBS
from batchmgr.wire.app_answer_types import (
    DeletionAnswer,
)
from batchmgr.wire.job_answer_types import (
    AcceptedAnswer,
    EventPage,
    JobAnswer,
    JobPage,
    OutcomeAnswer,
)
from batchmgr.wire.job_message import JobMessage
from batchmgr.wire.openapi_document import Operation, Parameter
from batchmgr.wire.queue_message import UploadReference
from batchmgr.wire.rerun_request import RerunRequest
from batchmgr.wire.usage_answer import UsageAnswer

OPERATIONS: tuple[Operation, ...] = (
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
            filter_by("state", "In one of these states, or `active` or `ended`."),
            filter_by("workload", "Of this workload."),
            filter_by("prefix", "With an id that begins so."),
            filter_by("since", "Created at this time or later, such as 2026-11-28T09:00:00Z."),
            filter_by("until", "Created before this time."),
            SELECT,
            limit(50, MAX_JOBS),
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
            limit(1000, MAX_EVENTS),
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
        summary="Send callbacks again that were given up, and go on with webhooks that were.",
        answers={202: AcceptedAnswer},
        headers=FOLLOWED,
        errors=(409, *OF_A_JOB),
    ),
)
