"""What the routes of the app take and answer. `api_operations` has all routes."""

from typing import Annotated

import msgspec

from batchmgr.functions.api_parameters import (
    AFTER,
    IDEMPOTENCY_KEY,
    SERVICES,
    limit,
)
from batchmgr.model.request_limits import MAX_LETTERS
from batchmgr.wire.app_answer_types import (
    DeadLetterPage,
    HealthAnswer,
    HealthDetails,
    OpenApiAnswer,
    UploadAnswer,
)
from batchmgr.wire.job_message import JobMessage
from batchmgr.wire.openapi_document import Operation, Parameter
from batchmgr.wire.plan_preview import PlanPreview
from batchmgr.wire.queue_message import UploadReference
from batchmgr.wire.upload_request import UploadRequest

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        method="GET",
        path="dead-letters",
        id="deadLetters",
        summary="What was given up or could not be used, the newest first, in pages.",
        parameters=(limit(50, MAX_LETTERS), AFTER),
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
